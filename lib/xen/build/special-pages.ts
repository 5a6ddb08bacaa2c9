import { PAGE_SIZE, type BuildStep, type E820Entry, type HvmParamStep } from './build-plan.ts';
import { u32 } from './pack.ts';

/**
 * The frames just below the firmware's ROM at 0xff000000 that are for talk with Xen and the backends, by libxenguest's
 * numbering (xg_dom_x86.c), which a saved domain keeps.
 */
const END = 0xff000;
const COUNT = 8;
export const FIRST_SPECIAL = END - COUNT;
const PAGE = {
  paging: FIRST_SPECIAL,
  access: FIRST_SPECIAL + 1,
  sharing: FIRST_SPECIAL + 2,
  bufferedIoreq: FIRST_SPECIAL + 3,
  xenstore: FIRST_SPECIAL + 4,
  ioreq: FIRST_SPECIAL + 5,
  identityTable: FIRST_SPECIAL + 6,
  console: FIRST_SPECIAL + 7,
} as const;

/** Frames for device models' request rings, below the special ones; only where there is a device model. */
const IOREQ_SERVERS = 8;
export const FIRST_IOREQ_SERVER = FIRST_SPECIAL - IOREQ_SERVERS;

export const STORE_GFN = PAGE.xenstore;
export const CONSOLE_GFN = PAGE.console;

/** Present, writable, user, accessed, dirty, 4 MiB. */
const IDENTITY_ENTRY = 0xe7;

/** A ring's two ends: the guest's event channel, and the domain that serves it. */
export interface Channel {
  readonly port: number;
  readonly domid: number;
}

/** The steps that give the pages memory, empty but for the identity page table, and tell Xen where each is. */
export function specialPageSteps({ deviceModel }: { readonly deviceModel: boolean }): BuildStep[] {
  const first = deviceModel ? FIRST_IOREQ_SERVER : FIRST_SPECIAL;
  return [
    { do: 'populate', run: { gfn: first, order: 0, count: END - first }, onDemand: false },
    {
      do: 'write',
      what: 'special pages',
      gfn: first,
      frames: END - first,
      pieces: [{ offset: (PAGE.identityTable - first) * PAGE_SIZE, bytes: identityTable() }],
      rest: 'zero',
    },
    hvmParam('STORE_PFN', PAGE.xenstore),
    hvmParam('BUFIOREQ_PFN', PAGE.bufferedIoreq),
    hvmParam('IOREQ_PFN', PAGE.ioreq),
    hvmParam('CONSOLE_PFN', PAGE.console),
    hvmParam('PAGING_RING_PFN', PAGE.paging),
    hvmParam('MONITOR_RING_PFN', PAGE.access),
    hvmParam('SHARING_RING_PFN', PAGE.sharing),
    ...(deviceModel
      ? [hvmParam('IOREQ_SERVER_PFN', FIRST_IOREQ_SERVER), hvmParam('NR_IOREQ_SERVER_PAGES', IOREQ_SERVERS)]
      : []),
    hvmParam('IDENT_PT', PAGE.identityTable * PAGE_SIZE),
  ];
}

/** The steps that open the rings of xenstore and the console: their event channels, and grants for who serves them. */
export function channelSteps(store: Channel, console: Channel): BuildStep[] {
  return [
    hvmParam('CONSOLE_EVTCHN', console.port),
    hvmParam('STORE_EVTCHN', store.port),
    {
      do: 'seed-grants',
      grants: [
        // GNTTAB_RESERVED_CONSOLE and GNTTAB_RESERVED_XENSTORE (public/grant_table.h).
        { ref: 0, domid: console.domid, gfn: CONSOLE_GFN },
        { ref: 1, domid: store.domid, gfn: STORE_GFN },
      ],
    },
  ];
}

/** Where the special pages are, for an e820. */
export const SPECIAL_PAGES: E820Entry = {
  address: FIRST_SPECIAL * PAGE_SIZE,
  size: COUNT * PAGE_SIZE,
  type: 'reserved',
};

export const hvmParam = (param: HvmParamStep['param'], value: number): HvmParamStep => ({
  do: 'set-hvm-param',
  param,
  value,
});

/** Maps 4 GiB to themselves by 4 MiB pages: what Intel's EPT needs of a guest that has not turned on paging yet. */
function identityTable(): Uint8Array {
  return u32(...Array.from({ length: 1024 }, (_, index) => (index * 2 ** 22 + IDENTITY_ENTRY) >>> 0));
}
