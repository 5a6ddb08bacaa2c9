import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GoldenGuest, machineFrames } from './pv-golden.ts';
import { makePvKernel, pattern } from './pv-guest.ts';

/** What is there once a guest is built, by us or by libxenguest. */
export interface BuiltGuest {
  /** Its frames that hold anything, by machine frame; and the page that Xen shares with it. */
  readonly frames: ReadonlyMap<number, Uint8Array>;
  readonly sharedInfo: Uint8Array;
  readonly context: Uint8Array;
  readonly grants: Uint8Array;
  /** The pinned top table: its level and machine frame. */
  readonly pin: string;
  readonly hypercallPage: string;
  readonly populated: string;
}

/** Where the pretend hypervisor has what is the guest's, but not in its memory. */
export const SHARED_INFO_MFN = 0x77;
const GRANT_TABLE_MFN = 0xc00088;
/** A frame in which there is nothing. */
export const EMPTY = Buffer.alloc(4096);
/** sizeof(vcpu_guest_context_t), by the guest's width. */
const CONTEXT_SIZE = { 32: 2800, 64: 5168 } as const;

/**
 * Has the stock xl create a PV guest on a pretend hypervisor, and looks at what it did. `runner` is a script as in
 * oracle.ts, whose hypervisor answers populate_physmap of PV guests with {@link machineFrames}, puts shared_info and the
 * grant table at the frames above, keeps the context of setvcpucontext in $ORACLE_LOG/vcpu.ctx, hands out event channels
 * 10 and 11, and logs `populate n N order O`, `mmuext cmd C mfn HEX` and `hypercall_init gmfn HEX`.
 */
export function buildWithStockXl(runner: string, guest: GoldenGuest): BuiltGuest {
  const directory = mkdtempSync(join(tmpdir(), 'xl-ts-oracle-'));
  try {
    const file = (name: string, content: Uint8Array | string) => {
      writeFileSync(join(directory, name), content);
      return join(directory, name);
    };
    const ramdisk =
      guest.ramdiskBytes === null ? '' : `ramdisk="${file('ramdisk', pattern(guest.ramdiskBytes, 99))}"\n`;
    const kernel = file('kernel', makePvKernel(guest.recipe));
    const config = `name="pv"\ntype="pv"\nvcpus=1\nkernel="${kernel}"\nmemory=${guest.mib}\ncmdline="${guest.cmdline}"\n`;
    const log = join(directory, 'log');
    // -e: without the monitor that xl leaves behind.
    const args = ['create', '-e', '-p', file('guest.cfg', config + ramdisk)];
    execFileSync(runner, args, { env: { ...process.env, ORACLE_LOG: log }, stdio: ['ignore', 'ignore', 'inherit'] });
    return lookAt(log, guest);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function lookAt(log: string, { recipe, mib }: GoldenGuest): BuiltGuest {
  const calls = readFileSync(join(log, 'hypercalls.log'), 'utf8');
  const memory = openSync(join(log, 'guest.mem'), 'r');
  try {
    const frame = (mfn: number) => {
      const bytes = Buffer.alloc(4096);
      readSync(memory, bytes, 0, 4096, mfn * 4096);
      return bytes;
    };
    const frames = new Map<number, Uint8Array>();
    for (const mfn of machineFrames(mib)) {
      const bytes = frame(mfn);
      if (!bytes.equals(EMPTY)) frames.set(mfn, bytes);
    }
    const populated = [...calls.matchAll(/populate n (\d+) order (\d+)/g)].map(([, n, order]) => ({ n, order }));
    const extents = (order: string) =>
      populated.filter((run) => run.order === order).reduce((n, run) => n + Number(run.n), 0);
    const hypercallPage = /hypercall_init gmfn (\w+)/.exec(calls);
    const pin = /mmuext (cmd \d mfn \w+)/.exec(calls);
    return {
      frames,
      sharedInfo: frame(SHARED_INFO_MFN),
      context: readFileSync(join(log, 'vcpu.ctx')).subarray(0, CONTEXT_SIZE[recipe.bits ?? 64]),
      grants: frame(GRANT_TABLE_MFN).subarray(0, 16),
      pin: pin?.[1] ?? 'none',
      hypercallPage: hypercallPage?.[1] ?? 'none',
      populated: `${extents('9')} of order 9, ${extents('0')} of order 0`,
    };
  } finally {
    closeSync(memory);
  }
}
