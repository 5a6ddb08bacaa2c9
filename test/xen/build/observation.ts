import { createHash } from 'node:crypto';
import { decode } from '../../../lib/xen/abi/codec.ts';
import { HVM_PARAMS } from '../../../lib/xen/abi/stable.ts';
import { bytes, struct } from '../../../lib/xen/abi/layout.ts';
import { E820_TYPE, PAGE_SIZE, paint, type BuildPlan, type Run } from '../../../lib/xen/build/build-plan.ts';
import { contextsToSet } from '../../../lib/xen/build/hvm-context.ts';

/** What a toolstack asked of the hypervisor to build a guest, and the memory it left, in a form that two can be compared in. */
export interface Observation {
  readonly claims: readonly number[];
  readonly podTarget: number | null;
  /** `gfn+count`, in extents of this many frames, `on demand` if so; neighbours joined, in order of gfn. */
  readonly extents: readonly string[];
  /** `address+size type`, hexadecimal. */
  readonly memoryMap: readonly string[];
  readonly params: Readonly<Record<string, number>>;
  /** sethvmcontext's, in order, as `sparse` writes them. */
  readonly contexts: readonly string[];
  /** Memory that is not zero, by gfn: a hash for what is dense, else as `sparse` writes it. */
  readonly memory: Readonly<Record<string, string>>;
  /** Bytes of the DSDT, which is not compared: it is left out of `memory`. */
  readonly dsdt: number;
}

/** The same before it is put into words; frames by gfn. */
export interface Sighting {
  readonly claims: readonly number[];
  readonly podTarget: number | null;
  readonly runs: readonly (Run & { readonly onDemand: boolean })[];
  readonly memoryMap: readonly { readonly address: number; readonly size: number; readonly type: number }[];
  readonly params: ReadonlyMap<number, number>;
  readonly contexts: readonly Uint8Array[];
  readonly frames: ReadonlyMap<number, Uint8Array>;
}

/** What gethvmcontext answers where the recordings were made: HEADER, MTRR and END records, all zero. */
export const PRETEND_CONTEXT = ((): Uint8Array => {
  const context = Buffer.alloc(8192);
  context.writeUInt16LE(1, 0);
  context.writeUInt32LE(24, 4);
  context.writeUInt16LE(14, 32);
  context.writeUInt32LE(240, 36);
  return context;
})();

/** Does a plan's steps on no guest at all. */
export function replay({ steps }: BuildPlan): Sighting {
  const frames = new Map<number, Uint8Array>();
  const params = new Map<number, number>();
  const claims: number[] = [];
  const runs: (Run & { onDemand: boolean })[] = [];
  let podTarget: number | null = null;
  let memoryMap: Sighting['memoryMap'] = [];
  let contexts: readonly Uint8Array[] = [];
  for (const step of steps) {
    switch (step.do) {
      case 'claim':
        claims.push(step.pages);
        break;
      case 'set-pod-target':
        podTarget = step.pages;
        break;
      case 'populate':
        runs.push({ ...step.run, onDemand: step.onDemand });
        break;
      case 'write': {
        const memory = new Uint8Array(step.frames * PAGE_SIZE);
        for (let frame = 0; frame < step.frames; frame += 1) {
          memory.set(frames.get(step.gfn + frame) ?? new Uint8Array(), frame * PAGE_SIZE);
        }
        paint(step, memory);
        for (let frame = 0; frame < step.frames; frame += 1) {
          frames.set(step.gfn + frame, memory.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE));
        }
        break;
      }
      case 'set-hvm-param':
        params.set(HVM_PARAMS[step.param], step.value);
        break;
      case 'set-memory-map':
        memoryMap = step.entries.map(({ address, size, type }) => ({ address, size, type: E820_TYPE[type] }));
        break;
      case 'set-hvm-context':
        contexts = contextsToSet(step, PRETEND_CONTEXT);
        break;
      case 'seed-grants':
        // The recordings do not see the grant table; special-pages.test.ts looks at these.
        break;
      case 'set-address-size':
      case 'hypercall-init':
      case 'pin-table':
      case 'write-shared-info':
      case 'set-vcpu-context':
        throw new Error(`a translated guest has no use for ${step.do}`);
    }
  }
  return { claims, podTarget, runs, memoryMap, params, contexts, frames };
}

/** Puts it into words. */
export function observe(sighting: Sighting): Observation {
  const frames = new Map([...sighting.frames].map(([gfn, content]) => [gfn, Uint8Array.from(content)]));
  const dsdt = blankDsdt(frames, sighting.memoryMap);
  return {
    claims: sighting.claims,
    podTarget: sighting.podTarget,
    extents: extentsOf(sighting.runs),
    memoryMap: sighting.memoryMap.map(({ address, size, type }) => `${hex(address)}+${hex(size)} ${type}`),
    params: Object.fromEntries([...sighting.params].sort(([one], [other]) => one - other)),
    contexts: sighting.contexts.map(sparse),
    memory: memoryOf(frames),
    dsdt,
  };
}

function extentsOf(runs: Sighting['runs']): string[] {
  const joined: Sighting['runs'][number][] = [];
  for (const run of [...runs].sort((one, other) => one.gfn - other.gfn)) {
    const last = joined.at(-1);
    const end = last === undefined ? -1 : last.gfn + last.count * 2 ** last.order;
    // A frame that was populated already: xl puts a low ACPI root over the RAM that is there, and we write into that.
    if (run.gfn < end) continue;
    if (last !== undefined && run.gfn === end && run.order === last.order && run.onDemand === last.onDemand) {
      joined[joined.length - 1] = { ...last, count: last.count + run.count };
    } else {
      joined.push(run);
    }
  }
  return joined.map(
    ({ gfn, order, count, onDemand }) => `${hex(gfn)}+${count} of ${2 ** order}${onDemand ? ' on demand' : ''}`,
  );
}

/** Up to this many frames in a row, with little in them, are written out. */
const SMALL = 4;

function memoryOf(frames: ReadonlyMap<number, Uint8Array>): Record<string, string> {
  const filled = [...frames.keys()].filter((gfn) => frames.get(gfn)!.some((byte) => byte !== 0)).sort((a, b) => a - b);
  const regions: number[][] = [];
  for (const gfn of filled) {
    const region = regions.at(-1);
    if (region?.at(-1) === gfn - 1) region.push(gfn);
    else regions.push([gfn]);
  }
  return Object.fromEntries(
    regions.map((gfns) => {
      const content = Buffer.concat(gfns.map((gfn) => frames.get(gfn)!));
      const dense = content.reduce((sum, byte) => sum + Number(byte !== 0), 0) > 2000;
      const words =
        gfns.length > SMALL || dense
          ? `${gfns.length} frames ${createHash('sha256').update(content).digest('hex')}`
          : sparse(content);
      return [hex(gfns[0]!), words];
    }),
  );
}

/** Bytes as `offset:bytes`, hexadecimal, for each stretch between eight zero bytes or more. */
export function sparse(content: Uint8Array): string {
  const stretches: { start: number; end: number }[] = [];
  content.forEach((byte, at) => {
    const last = stretches.at(-1);
    if (byte === 0) return;
    if (last === undefined || at - last.end >= 8) stretches.push({ start: at, end: at + 1 });
    else last.end = at + 1;
  });
  const words = stretches.map(
    ({ start, end }) => `${hex(start)}:${Buffer.from(content.subarray(start, end)).toString('hex')}`,
  );
  return [`${content.length} bytes`, ...words].join(' ');
}

/** E820_ACPI, reclaimable: what libxl 4.17 calls the tables' memory. */
export const ACPI = 3;
const acpiHeader = struct('header', { signature: bytes(4), length: 'u32' });

/** Makes the DSDT of a PVH guest zero, and answers its length; 0 where there are no tables. */
function blankDsdt(frames: Map<number, Uint8Array>, memoryMap: Sighting['memoryMap']): number {
  // Of the three ranges, the last is the tables.
  const tables = memoryMap.filter(({ type }) => type === ACPI || type === E820_TYPE['acpi-nvs']).at(-1);
  if (tables === undefined) return 0;
  const at = (address: number) => {
    const frame = frames.get(Math.floor(address / PAGE_SIZE))!;
    return { frame, offset: address % PAGE_SIZE };
  };
  // The FACS, of 64 bytes, is first; the DSDT follows.
  const start = tables.address + 64;
  const { frame, offset } = at(start);
  const { signature, length } = decode(acpiHeader, frame.subarray(offset));
  if (Buffer.from(signature).toString() !== 'DSDT') throw new Error('there is no DSDT behind the FACS');
  for (let address = start; address < start + length; address += 1) {
    const place = at(address);
    place.frame[place.offset] = 0;
  }
  return length;
}

const hex = (value: number): string => value.toString(16);
