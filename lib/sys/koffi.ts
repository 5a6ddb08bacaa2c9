import { XlError } from '../base/error.ts';
import { systemCallFailed, type Sys } from './sys.ts';

/**
 * The five calls through koffi, which is loaded here and not before: commands that need no Xen do not pay for it.
 * Only 64-bit x86: `int64_t` is taken for a pointer, and the variadic open(2) and ioctl(2) are called as if they were not.
 */
export async function loadSys(): Promise<Sys> {
  const { default: koffi } = await loadKoffi();
  const libc = koffi.load(null);
  const open = libc.func('int open(const char *path, int flags, unsigned int mode)') as NativeCall;
  const close = libc.func('int close(int fd)') as NativeCall;
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)') as NativeCall & {
    readonly async: (fd: number, request: number, argument: Uint8Array, done: Done) => void;
  };
  const mmap = libc.func(
    'int64_t mmap(void *hint, size_t length, int prot, int flags, int fd, int64_t offset)',
  ) as NativeCall;
  const munmap = libc.func('int munmap(int64_t address, size_t length)') as NativeCall;
  /** `what` is only put together where the call failed: most are made by the thousand and succeed. */
  const checked = (result: number, what: () => string): number => {
    if (result === -1) throw systemCallFailed(what(), koffi.errno());
    return result;
  };

  return {
    open: (path, flags) => checked(open(path, flags, 0), () => `open ${path}`),
    close: (fd) => void checked(close(fd), () => `close(${fd})`),
    ioctl: (fd, request, argument) =>
      checked(ioctl(fd, request, argument), () => `ioctl(${fd}, 0x${request.toString(16)})`),
    ioctlAsync: (fd, request, argument) =>
      new Promise((resolve, reject) => {
        ioctl.async(fd, request, argument, (error, result) => {
          // Until this returns, koffi's errno is the one of the call's own thread.
          if (error !== null) reject(error);
          else if (result === -1) reject(systemCallFailed(`ioctl(${fd}, 0x${request.toString(16)})`, koffi.errno()));
          else resolve(result);
        });
      }),
    mmap: ({ length, prot, flags, fd }) => {
      const address = checked(mmap(null, length, prot, flags, fd, 0), () => `mmap of ${length} bytes of ${fd}`);
      return { address, memory: koffi.view(BigInt(address), length) };
    },
    munmap: ({ address, memory }) =>
      void checked(munmap(address, memory.byteLength), () => `munmap(0x${address.toString(16)}, ${memory.byteLength})`),
  };
}

/** A call of libc. Every one of ours answers with a number: koffi gives bigint only beyond 2^53. */
type NativeCall = (...words: readonly (number | string | Uint8Array | null)[]) => number;
type Done = (error: Error | null, result: number) => void;

async function loadKoffi() {
  try {
    return await import('koffi');
  } catch (cause) {
    throw new XlError('no-native-calls', `koffi, which makes the calls to the hypervisor, cannot be loaded`, {
      hint: 'xl-ts brings koffi along as a dependency for 64-bit x86 Linux; install xl-ts anew without --omit=optional',
      cause,
    });
  }
}
