import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { MAP, systemCallFailed, type Mapping, type Sys } from '../../../lib/sys/sys.ts';
import { decode, encode } from '../../../lib/xen/abi/codec.ts';
import { decodeDomctl, domctl, DOMCTLS, encodeDomctl, type DomctlName } from '../../../lib/xen/abi/domctl.ts';
import { readFrameList } from '../../../lib/xen/abi/frames.ts';
import { HYPERCALLS, PAGE_SIZE } from '../../../lib/xen/abi/hypercall.ts';
import { sizeOf, type Layout } from '../../../lib/xen/abi/layout.ts';
import * as memory from '../../../lib/xen/abi/memory.ts';
import * as privcmd from '../../../lib/xen/abi/privcmd.ts';
import * as stable from '../../../lib/xen/abi/stable.ts';
import { decodeSysctl, encodeSysctl, sysctl, SYSCTLS, type SysctlName } from '../../../lib/xen/abi/sysctl.ts';

/** A hypercall as Xen understood it. */
export interface Call {
  /** `max_mem`, `populate_physmap`, `set_param` … */
  readonly name: string;
  /** The domain of a domctl's envelope. */
  readonly domid?: number;
  readonly values: Readonly<Record<string, unknown>>;
}
/** What Xen does with a call: changes to the argument, another domain in the envelope, a result. It may throw `refuse`. */
export type Answer = (
  call: Call,
  at: (address: unknown, length: number) => Uint8Array,
) =>
  | { readonly values?: Readonly<Record<string, unknown>>; readonly domain?: number; readonly result?: number }
  | undefined;

/** The errno that ends a call, and what Xen leaves in the argument all the same. */
export const refuse = (name: keyof typeof constants.errno, values: Call['values'] = {}): never => {
  throw new Refusal(constants.errno[name], values);
};
class Refusal extends Error {
  readonly errno: number;
  readonly values: Call['values'];
  constructor(errno: number, values: Call['values']) {
    super(`errno ${errno}`);
    this.errno = errno;
    this.values = values;
  }
}

const MEMORY_OPS: Readonly<Record<string, Layout>> = {
  populate_physmap: memory.memoryReservation,
  claim_pages: memory.memoryReservation,
  set_memory_map: memory.foreignMemoryMap,
  add_to_physmap: memory.addToPhysmap,
  maximum_gpfn: memory.memoryDomain,
  set_pod_target: memory.podTarget,
  get_pod_target: memory.podTarget,
};

/**
 * Linux's privcmd and a Xen behind the five native calls, in memory: it reads the hypercalls' pages, notes each call, and
 * answers as the test says. It knows which memory a hypercall may use, and whether all is given back.
 */
export class FakeXen implements Sys {
  readonly calls: Call[] = [];
  readonly answers: Record<string, Answer> = {};
  /** Pages of domains' memory by `domid:frame`; a frame that is not here cannot be mapped. */
  readonly frames = new Map<string, Uint8Array>();
  /** Devices that cannot be opened, and why. */
  readonly missing: Record<string, keyof typeof constants.errno> = {};
  readonly opened = new Map<number, string>();
  readonly mappings = new Map<
    number,
    { readonly mapping: Mapping; readonly device: string; frames?: readonly string[] }
  >();
  readonly versions: { readonly domctl: number; readonly sysctl: number };
  private nextFd = 10;
  private nextAddress = 0x7f00_0000_0000;

  constructor(versions = { domctl: 0x15, sysctl: 0x15 }) {
    this.versions = versions;
  }

  open(path: string): number {
    const errno = this.missing[path];
    if (errno !== undefined) throw systemCallFailed(`open ${path}`, constants.errno[errno]);
    this.opened.set(this.nextFd, path);
    return this.nextFd++;
  }

  close(fd: number): void {
    if (!this.opened.delete(fd)) throw new Error(`fd ${fd} is not open`);
  }

  mmap({ length, flags, fd }: { length: number; prot: number; flags: number; fd: number }): Mapping {
    if (flags !== MAP.shared) throw new Error('only shared mappings show the hypervisor’s writes');
    const mapping = { address: this.nextAddress, memory: new ArrayBuffer(length) };
    this.nextAddress += length + PAGE_SIZE;
    this.mappings.set(mapping.address, { mapping, device: this.opened.get(fd)! });
    return mapping;
  }

  munmap({ address, memory: bytes }: Mapping): void {
    const { frames = [] } = this.mappings.get(address)!;
    frames.forEach((key, index) =>
      this.frames.set(key, new Uint8Array(bytes).slice(index * PAGE_SIZE, (index + 1) * PAGE_SIZE)),
    );
    this.mappings.delete(address);
  }

  ioctl(_fd: number, request: number, argument: Uint8Array): number {
    try {
      if (request === privcmd.PRIVCMD_IOCTLS.HYPERCALL) return this.hypercall(argument);
      if (request === privcmd.PRIVCMD_IOCTLS.MMAPBATCH_V2) return this.mapFrames(argument);
      const values = decode(privcmd.privcmdMmapResource, argument);
      return this.answer({ name: 'mmap_resource', values }).result ?? 0;
    } catch (error) {
      if (error instanceof Refusal) throw systemCallFailed(`ioctl 0x${request.toString(16)}`, error.errno);
      throw error;
    }
  }

  async ioctlAsync(fd: number, request: number, argument: Uint8Array): Promise<number> {
    await setImmediate();
    return this.ioctl(fd, request, argument);
  }

  /** Hypercall memory: bytes at an address, as Xen follows a pointer. */
  private readonly at = (address: unknown, length: number): Uint8Array => {
    const wanted = Number(address);
    for (const { mapping, device } of this.mappings.values()) {
      const offset = wanted - mapping.address;
      if (device === '/dev/xen/hypercall' && offset >= 0 && offset + length <= mapping.memory.byteLength)
        return new Uint8Array(mapping.memory, offset, length);
    }
    throw new Error(`0x${wanted.toString(16)} with ${length} bytes is no hypercall memory`);
  };

  private answer(call: Call): NonNullable<ReturnType<Answer>> {
    this.calls.push(call);
    return this.answers[call.name]?.(call, this.at) ?? {};
  }

  private hypercall(request: Uint8Array): number {
    const { op, arg } = decode(privcmd.privcmdHypercall, request);
    const [first, second] = arg as [bigint, bigint];
    switch (op) {
      case HYPERCALLS.domctl:
        return this.domctl(this.at(first, sizeOf(domctl)));
      case HYPERCALLS.sysctl:
        return this.sysctl(this.at(first, sizeOf(sysctl)));
      case HYPERCALLS.memory_op: {
        const name = nameOf(memory.XENMEM, Number(first));
        const layout = MEMORY_OPS[name];
        if (layout === undefined) return this.answer({ name, values: {} }).result ?? 0;
        return this.subOp(name, layout, second);
      }
      case HYPERCALLS.hvm_op:
        return this.subOp(nameOf(stable.HVMOPS, Number(first)), stable.hvmParam, second);
      case HYPERCALLS.event_channel_op:
        return this.subOp(nameOf(stable.EVTCHNOPS, Number(first)), stable.evtchnAllocUnbound, second);
      case HYPERCALLS.mmuext_op: {
        const values = { ...decode(stable.mmuextOp, this.at(first, sizeOf(stable.mmuextOp))), count: second };
        return this.answer({ name: 'mmuext_op', domid: Number(arg[3]), values }).result ?? 0;
      }
      case HYPERCALLS.xen_version: {
        const name = nameOf(stable.XENVER, Number(first));
        return this.answer({ name: `xen_version ${name}`, values: { address: second } }).result ?? 0;
      }
      default:
        throw new Error(`hypercall ${op} is unknown here`);
    }
  }

  private subOp(name: string, layout: Layout, address: bigint): number {
    const bytes = this.at(address, sizeOf(layout));
    const before = decode(layout, bytes);
    const { values, result = 0 } = this.answer({ name, values: before });
    bytes.set(encode(layout, { ...before, ...values } as never));
    return result;
  }

  private domctl(bytes: Uint8Array): number {
    const { cmd, interface_version: version } = decode(domctl, bytes);
    if (version !== this.versions.domctl) return refuse('EACCES');
    const name = nameOf(
      Object.fromEntries(Object.entries(DOMCTLS).map(([key, op]) => [key, op.cmd])),
      cmd,
    ) as DomctlName;
    const before = decodeDomctl(name, bytes, version);
    const leave = (values: Call['values'] = {}, domain = before.domain) =>
      bytes.set(encodeDomctl(name, domain, { ...before.values, ...values }, version));
    try {
      const { values, domain, result = 0 } = this.answer({ name, domid: before.domain, values: before.values });
      leave(values, domain);
      return result;
    } catch (error) {
      if (error instanceof Refusal) leave(error.values);
      throw error;
    }
  }

  private sysctl(bytes: Uint8Array): number {
    const { cmd, interface_version: version } = decode(sysctl, bytes);
    if (version !== this.versions.sysctl) return refuse('EACCES');
    const name = nameOf(
      Object.fromEntries(Object.entries(SYSCTLS).map(([key, op]) => [key, op.cmd])),
      cmd,
    ) as SysctlName;
    const before = decodeSysctl(name, bytes, version);
    const { values, result = 0 } = this.answer({ name: `sysctl ${name}`, values: before });
    bytes.set(encodeSysctl(name, { ...before, ...values }, version));
    return result;
  }

  private mapFrames(request: Uint8Array): number {
    const { num, dom, addr, arr, err } = decode(privcmd.privcmdMmapbatchV2, request);
    const entry = this.mappings.get(addr)!;
    if (entry.mapping.memory.byteLength !== num * PAGE_SIZE) return refuse('EINVAL');
    const keys = Array.from(readFrameList(this.at(arr, num * 8), num), (frame) => `${dom}:${frame}`);
    const errors = this.at(err, num * 4);
    const view = new DataView(errors.buffer, errors.byteOffset);
    keys.forEach((key, index) => {
      const page = this.frames.get(key);
      if (page === undefined) view.setInt32(index * 4, -constants.errno.EINVAL, true);
      else new Uint8Array(entry.mapping.memory).set(page, index * PAGE_SIZE);
    });
    entry.frames = keys.filter((key) => this.frames.has(key));
    return 0;
  }
}

function nameOf(table: Readonly<Record<string, number>>, number: number): string {
  const found = Object.keys(table).find((name) => table[name] === number);
  if (found === undefined) throw new Error(`there is no operation ${number} here`);
  return found;
}
