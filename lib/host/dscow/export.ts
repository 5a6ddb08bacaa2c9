import type { Overlay } from '../../dscow/overlay.ts';
import { Allocation, type Extent, type MetaContext, type NbdExport } from '../../nbd/export.ts';

/** The least size that clients take for a preferred block size without complaint. */
const PREFERRED = 4096;

/** An overlay as an NBD server shows it. */
export function exportOf(overlay: Overlay, name: string): NbdExport {
  const { virtualSize } = overlay.layout;
  return {
    name,
    description: `dscow overlay over ${overlay.header.base.path}`,
    size: virtualSize,
    readOnly: overlay.readOnly,
    preferredBlockSize: PREFERRED,
    contexts: [allocation(overlay), depth(overlay)],
    read: (target, offset) => overlay.read(target, offset),
    write: (pieces, offset) => overlay.write(pieces, offset),
    writeZeroes: (offset, length) => overlay.writeZeroes(offset, length),
    flush: () => overlay.flush(),
  };
}

/** What is data, and what is nothing but zeroes: what lies behind the base's end and was never written. */
function allocation(overlay: Overlay): MetaContext {
  const baseEnd = overlay.header.base.size;
  return {
    name: 'base:allocation',
    status: async (offset, length) => {
      const extents: Extent[] = [];
      let at = offset;
      for (const run of await overlay.runs(offset, length)) {
        const data = run.changed ? run.length : Math.max(0, Math.min(run.length, baseEnd - at));
        if (data > 0) extents.push({ length: data, flags: 0 });
        if (data < run.length) extents.push({ length: run.length - data, flags: Allocation.Hole | Allocation.Zero });
        at += run.length;
      }
      return extents;
    },
  };
}

/** As qemu-nbd counts it (docs/interop/nbd.txt of QEMU): 1 is this file, 2 the base. So clients can tell the changes. */
function depth(overlay: Overlay): MetaContext {
  return {
    name: 'qemu:allocation-depth',
    status: async (offset, length) =>
      (await overlay.runs(offset, length)).map((run) => ({ length: run.length, flags: run.changed ? 1 : 2 })),
  };
}
