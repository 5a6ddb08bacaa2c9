import { getSystemErrorMap } from 'node:util';
import { XlError } from '../base/error.ts';

/**
 * The five calls that no module of Node's makes: all that this project asks of a native library. Addresses are numbers
 * (a process's addresses on 64-bit x86 end at 2^47). A call that fails throws what `systemCallFailed` makes.
 */
export interface Sys {
  /** open(2); `flags` are those of `OPEN`. */
  open(path: string, flags: number): number;
  close(fd: number): void;
  /** ioctl(2) with a pointer to the bytes, which the kernel may change; what the call returned, zero or more. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** The same on a thread of its own, for calls that take long: meanwhile the event loop runs. */
  ioctlAsync(fd: number, request: number, argument: Uint8Array): Promise<number>;
  /** mmap(2), wherever the kernel finds room. */
  mmap(request: MmapRequest): Mapping;
  /** munmap(2). The memory must not be touched any more: there is nothing below it, and a touch ends the process. */
  munmap(mapping: Mapping): void;
}

export interface MmapRequest {
  /** Bytes; the kernel rounds up to whole pages. */
  readonly length: number;
  /** Bits of `PROT`. */
  readonly prot: number;
  /** Bits of `MAP`. */
  readonly flags: number;
  /** -1 with `MAP.anonymous`. */
  readonly fd: number;
}

/** Pages of this process that a native call mapped. */
export interface Mapping {
  readonly address: number;
  /** The pages themselves: what is written here, the kernel and the hypervisor see. */
  readonly memory: ArrayBuffer;
}

/** Flags of open(2), from Linux's asm-generic/fcntl.h. */
export const OPEN = { readWrite: 0o2, closeOnExec: 0o2000000 } as const;
/** Protections of mmap(2), from Linux's asm-generic/mman-common.h. */
export const PROT = { read: 1, write: 2 } as const;
/** Flags of mmap(2), from Linux's asm-generic/mman-common.h. */
export const MAP = { shared: 0x01, private: 0x02, anonymous: 0x20 } as const;

/** An errno's name and words, `EACCES` and `permission denied`; both are the number where nobody knows it. */
export function describeErrno(errno: number): readonly [name: string, words: string] {
  return getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, `errno ${errno}`];
}

/** The error of a system call that failed: `call` as `ioctl(7, 0x305000)`. `errnoNameOf` finds the name again. */
export function systemCallFailed(call: string, errno: number): XlError {
  const [code, words] = describeErrno(errno);
  const cause = Object.assign(new Error(`${code}: ${words}`), { code, errno });
  return new XlError('system-call-failed', `${call}: ${words} (${code})`, { cause });
}

/** The errno's name (`EACCES`) of an error that came from a system call, however often it was wrapped; else undefined. */
export function errnoNameOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('errno' in at && 'code' in at && typeof at.code === 'string') return at.code;
  }
  return undefined;
}
