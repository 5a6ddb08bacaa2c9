import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSys } from '../../lib/sys/koffi.ts';
import { errnoNameOf, MAP, OPEN, PROT, systemCallFailed, type Sys } from '../../lib/sys/sys.ts';
import { XlError } from '../../lib/base/error.ts';

/** Bytes that can be read from a file (Linux, asm-generic/ioctls.h): an ioctl that writes into its argument. */
const FIONREAD = 0x541b;
const PRIVCMD_HYPERCALL = 0x305000;
const unfit = process.platform === 'linux' && process.arch === 'x64' ? '' : ' (skipped: only for 64-bit x86 Linux)';

describe.skipIf(unfit !== '')(`the native calls${unfit}`, () => {
  let sys: Sys;
  let directory: string;
  let file: string;
  beforeAll(async () => {
    sys = await loadSys();
    directory = mkdtempSync(join(tmpdir(), 'xl-ts-sys-'));
    file = join(directory, 'file');
    writeFileSync(file, 'hello'.padEnd(10_000, '.'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('map a file’s pages, so that each sees what the other writes', () => {
    const fd = sys.open(file, OPEN.readWrite | OPEN.closeOnExec);
    const mapping = sys.mmap({ length: 10_000, prot: PROT.read | PROT.write, flags: MAP.shared, fd });
    const bytes = Buffer.from(mapping.memory);
    expect(mapping.address % 4096).toBe(0);
    expect(bytes.toString('latin1', 0, 6)).toBe('hello.');
    bytes.write('HELLO', 5000);
    expect(readFileSync(file, 'latin1').slice(4998, 5007)).toBe('..HELLO..');
    sys.munmap(mapping);
    sys.close(fd);
  });

  it('map memory of no file, zeroed, and at an address of its own', () => {
    const request = { length: 8192, prot: PROT.read | PROT.write, flags: MAP.private | MAP.anonymous, fd: -1 };
    const [one, other] = [sys.mmap(request), sys.mmap(request)];
    new Uint8Array(one.memory).fill(1);
    expect(new Uint8Array(other.memory)).toEqual(new Uint8Array(8192));
    expect(Math.abs(one.address - other.address)).toBeGreaterThanOrEqual(8192);
    [one, other].forEach((mapping) => sys.munmap(mapping));
  });

  it('map, use and unmap again and again', () => {
    const request = { length: 4096, prot: PROT.read | PROT.write, flags: MAP.private | MAP.anonymous, fd: -1 };
    for (let time = 0; time < 20_000; time++) {
      const mapping = sys.mmap(request);
      new Uint8Array(mapping.memory)[time % 4096] = 1;
      sys.munmap(mapping);
    }
    expect(readFileSync('/proc/self/maps', 'latin1').split('\n').length).toBeLessThan(20_000);
  });

  it('hand the kernel a pointer to the bytes, which it may change', () => {
    const fd = sys.open(file, OPEN.readWrite);
    const argument = new Uint8Array(8).fill(0xff);
    expect(sys.ioctl(fd, FIONREAD, argument)).toBe(0);
    expect(Buffer.from(argument).toString('hex')).toBe('10270000ffffffff');
    sys.close(fd);
  });

  it('make a slow call aside, with an errno of its own', async () => {
    const fd = sys.open(file, OPEN.readWrite);
    const argument = new Uint8Array(8);
    const calls = [sys.ioctlAsync(fd, FIONREAD, argument), sys.ioctlAsync(fd, PRIVCMD_HYPERCALL, new Uint8Array(48))];
    // Its errno is another than theirs.
    expect(errnoNameOf(thrownBy(() => sys.close(99_999)))).toBe('EBADF');
    const [answer, refusal] = await Promise.allSettled(calls);
    expect(answer).toEqual({ status: 'fulfilled', value: 0 });
    expect(Buffer.from(argument).readInt32LE()).toBe(10_000);
    expect(refusal).toMatchObject({ status: 'rejected', reason: { code: 'system-call-failed' } });
    expect(errnoNameOf((refusal as PromiseRejectedResult).reason)).toBe('ENOTTY');
    sys.close(fd);
  });

  it('throw the errno’s name and what was called', () => {
    const zero = sys.open('/dev/zero', OPEN.readWrite | OPEN.closeOnExec);
    const failures: [() => unknown, string, string][] = [
      [() => sys.ioctl(zero, PRIVCMD_HYPERCALL, new Uint8Array(48)), 'ENOTTY', `ioctl(${zero}, 0x305000)`],
      [() => sys.open(join(directory, 'absent'), OPEN.readWrite), 'ENOENT', `open ${directory}/absent`],
      [() => sys.mmap({ length: 0, prot: PROT.read, flags: MAP.private, fd: zero }), 'EINVAL', 'mmap of 0 bytes'],
      [() => sys.close(99_999), 'EBADF', 'close(99999)'],
    ];
    for (const [call, errno, what] of failures) {
      const error = thrownBy(call);
      expect(error).toBeInstanceOf(XlError);
      expect(error).toMatchObject({ code: 'system-call-failed', message: expect.stringContaining(what) as string });
      expect(errnoNameOf(error)).toBe(errno);
    }
    sys.close(zero);
  });
});

describe('errnoNameOf', () => {
  it('finds the name however often the error was wrapped', () => {
    const inner = systemCallFailed('ioctl(3, 0x305000)', 11);
    const outer = new XlError('hypercall-failed', 'no', { cause: new XlError('again', 'no', { cause: inner }) });
    expect(inner.message).toBe('ioctl(3, 0x305000): resource temporarily unavailable (EAGAIN)');
    expect([errnoNameOf(inner), errnoNameOf(outer)]).toEqual(['EAGAIN', 'EAGAIN']);
  });

  it('finds none where no system call failed', () => {
    expect([new Error('no'), new XlError('no', 'no'), 'EAGAIN', null].map(errnoNameOf)).toEqual(
      Array(4).fill(undefined),
    );
  });

  it('says the number of an errno that has no name', () => {
    expect(systemCallFailed('open x', 4000).message).toBe('open x: errno 4000 (errno 4000)');
  });
});

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
