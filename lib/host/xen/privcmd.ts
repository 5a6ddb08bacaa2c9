import { XlError } from '../../base/error.ts';
import { describeErrno, MAP, OPEN, PROT, type Mapping, type Sys } from '../../sys/sys.ts';
import { encode } from '../../xen/abi/codec.ts';
import { writeFrameList } from '../../xen/abi/frames.ts';
import { HYPERCALLS, PAGE_SIZE, type HypercallName } from '../../xen/abi/hypercall.ts';
import { XENMEM_RESOURCES } from '../../xen/abi/memory.ts';
import { PRIVCMD_IOCTLS, privcmdHypercall, privcmdMmapbatchV2, privcmdMmapResource } from '../../xen/abi/privcmd.ts';
import { HypercallArena } from './hypercall-arena.ts';
import { cannotOpen, hypercallFailed } from './hypercall-error.ts';

const PRIVCMD = '/dev/xen/privcmd';
/** Linux 4.18 and newer: pages that the kernel promises not to move while Xen reads them. */
const HYPERCALL_BUFFERS = '/dev/xen/hypercall';

/** The hypervisor's door: Linux's privcmd device (drivers/xen/privcmd.c) and the arena of its calls' arguments. */
export class Privcmd {
  readonly arena: HypercallArena;
  private readonly sys: Sys;
  private readonly fd: number;
  private readonly buffersFd: number;

  private constructor(sys: Sys, fd: number, buffersFd: number) {
    this.sys = sys;
    this.fd = fd;
    this.buffersFd = buffersFd;
    this.arena = new HypercallArena({
      map: (bytes) => this.mapOf(buffersFd, bytes),
      unmap: (mapping) => sys.munmap(mapping),
    });
  }

  /** Opens the devices. Errors: `no-xen`, `no-privilege`. */
  static open(sys: Sys): Privcmd {
    const fd = openDevice(sys, PRIVCMD);
    try {
      return new Privcmd(sys, fd, openDevice(sys, HYPERCALL_BUFFERS));
    } catch (error) {
      sys.close(fd);
      throw error;
    }
  }

  /** Makes a hypercall of at most five arguments; its result, zero or more. `what` is for the error: `hypercallFailed`. */
  hypercall(name: HypercallName, args: readonly (number | bigint)[], what: string): number {
    const request = encode(privcmdHypercall, { op: HYPERCALLS[name], arg: args.map(BigInt) });
    try {
      return this.sys.ioctl(this.fd, PRIVCMD_IOCTLS.HYPERCALL, request);
    } catch (error) {
      throw hypercallFailed(what, error);
    }
  }

  /**
   * A hypercall that may take seconds, on a thread of its own: its one argument is a pointer to these bytes, which have
   * pages to themselves until it ends.
   */
  async hypercallAsync(name: HypercallName, argument: Uint8Array, what: string): Promise<void> {
    const own = this.mapOf(this.buffersFd, argument.length);
    try {
      new Uint8Array(own.memory).set(argument);
      const request = encode(privcmdHypercall, { op: HYPERCALLS[name], arg: [BigInt(own.address)] });
      await this.sys.ioctlAsync(this.fd, PRIVCMD_IOCTLS.HYPERCALL, request);
    } catch (error) {
      throw hypercallFailed(what, error);
    } finally {
      this.sys.munmap(own);
    }
  }

  /**
   * Maps frames of a domain, in this order, for reading and writing: gfns of a translated guest, machine frames of a PV
   * one. Errors: `cannot-map-frames`, which names the first frame that is not there.
   */
  mapFrames(domid: number, frames: ArrayLike<number>): ForeignMemory {
    return this.mapForeign(frames.length, ({ address }) =>
      this.arena.scoped(() => {
        const list = this.arena.room(frames.length * 8);
        const errors = this.arena.room(frames.length * 4);
        writeFrameList(list.bytes, frames);
        const request = encode(privcmdMmapbatchV2, {
          num: frames.length,
          dom: domid,
          addr: address,
          arr: list.address,
          err: errors.address,
        });
        // ENOENT says that a frame is paged out; which one is in the list, as with all other troubles.
        const answer = tried(() => this.sys.ioctl(this.fd, PRIVCMD_IOCTLS.MMAPBATCH_V2, request));
        const failed = firstFailure(errors.bytes);
        if (failed !== null) throw cannotMap(domid, frames[failed.index]!, failed.errno, answer.error);
        if (answer.error !== undefined) throw hypercallFailed(`to map memory of domain ${domid}`, answer.error);
      }),
    );
  }

  /** Maps what belongs to a domain without being its memory: frames of its grant table, say, the `first` of them on. */
  mapResource(domid: number, { resource, id = 0, first = 0, frames }: ResourceRequest): ForeignMemory {
    return this.mapForeign(frames, ({ address }) => {
      const request = encode(privcmdMmapResource, {
        dom: domid,
        type: XENMEM_RESOURCES[resource],
        id,
        idx: first,
        num: frames,
        addr: address,
      });
      try {
        this.sys.ioctl(this.fd, PRIVCMD_IOCTLS.MMAP_RESOURCE, request);
      } catch (error) {
        throw hypercallFailed(`to map the ${resource} of domain ${domid}`, error);
      }
    });
  }

  /** Closes the devices. Mapped memory stays until it is closed itself. */
  close(): void {
    this.arena.close();
    this.sys.close(this.buffersFd);
    this.sys.close(this.fd);
  }

  private mapOf(fd: number, length: number): Mapping {
    return this.sys.mmap({ length, prot: PROT.read | PROT.write, flags: MAP.shared, fd });
  }

  private mapForeign(frames: number, fill: (mapping: Mapping) => void): ForeignMemory {
    const mapping = this.mapOf(this.fd, frames * PAGE_SIZE);
    try {
      fill(mapping);
    } catch (error) {
      this.sys.munmap(mapping);
      throw error;
    }
    return new ForeignMemory(mapping, () => this.sys.munmap(mapping));
  }
}

export interface ResourceRequest {
  readonly resource: keyof typeof XENMEM_RESOURCES;
  readonly id?: number;
  readonly first?: number;
  readonly frames: number;
}

/** Pages of another domain, mapped here. Whoever asked for them closes them, before the domain is destroyed. */
export class ForeignMemory {
  private readonly unmap: () => void;
  private mapped: Uint8Array | null;

  constructor({ memory }: Mapping, unmap: () => void) {
    this.mapped = new Uint8Array(memory);
    this.unmap = unmap;
  }

  /** The pages, one after the other. A view kept beyond `close` leads into nothing: take it anew each time. */
  get bytes(): Uint8Array {
    if (this.mapped === null) throw new TypeError('this memory is unmapped');
    return this.mapped;
  }

  close(): void {
    if (this.mapped === null) return;
    this.mapped = null;
    this.unmap();
  }
}

function openDevice(sys: Sys, device: string): number {
  try {
    return sys.open(device, OPEN.readWrite | OPEN.closeOnExec);
  } catch (error) {
    throw cannotOpen(device, error);
  }
}

function tried(call: () => unknown): { readonly error?: unknown } {
  try {
    call();
    return {};
  } catch (error) {
    return { error };
  }
}

/** The first frame whose errno, which the kernel writes as a negative int, is not 0. */
function firstFailure(errors: Uint8Array): { readonly index: number; readonly errno: number } | null {
  const numbers = new Int32Array(errors.buffer, errors.byteOffset, errors.length / 4);
  const index = numbers.findIndex((errno) => errno !== 0);
  return index < 0 ? null : { index, errno: -numbers[index]! };
}

function cannotMap(domid: number, frame: number, errno: number, cause: unknown): XlError {
  const [name, words] = describeErrno(errno);
  return new XlError(
    'cannot-map-frames',
    `frame 0x${frame.toString(16)} of domain ${domid} cannot be mapped: ${words} (${name})`,
    { cause },
  );
}
