import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseHeader, encodeHeader, type Header } from '../../lib/dscow/header.ts';
import { PAGE } from '../../lib/dscow/layout.ts';
import { Overlay, writeHeaderCopies } from '../../lib/dscow/overlay.ts';
import { RangeLock } from '../../lib/dscow/range-lock.ts';
import { MemoryFile } from './memory-file.ts';

/** A base whose every byte depends on where it is. */
const pattern = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);

async function fresh(options: { virtualSize: number; blockBits: number; base: Uint8Array }) {
  const header: Header = {
    virtualSize: options.virtualSize,
    blockBits: options.blockBits,
    inUse: false,
    committing: false,
    generation: 1,
    uuid: '12345678-9abc-4def-8123-456789abcdef',
    base: { path: '/base', size: options.base.length, mtimeNs: 0n, id: null },
    created: 0,
  };
  const cow = new MemoryFile();
  await writeHeaderCopies(cow, encodeHeader(header));
  const base = new MemoryFile(options.base);
  return { cow, base, overlay: await open(cow, base) };
}

async function open(cow: MemoryFile, base: MemoryFile, readOnly = false): Promise<Overlay> {
  const [a, b] = [new Uint8Array(PAGE), new Uint8Array(PAGE)];
  await cow.read(a, 0);
  await cow.read(b, PAGE);
  return Overlay.open({ cow, base }, chooseHeader(a, b, 'x'), { readOnly });
}

async function bytesOf(overlay: Overlay, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length).fill(0xee);
  await overlay.read(bytes, offset);
  return bytes;
}

describe('an overlay', () => {
  test.each([12, 16, 21])('reads and writes like a plain disk, in blocks of 2^%d', async (blockBits) => {
    const size = 5 * 2 ** Math.min(blockBits, 14) + 1536;
    const block = 2 ** blockBits;
    const stretch = fc
      .tuple(fc.nat(size - 1), fc.integer({ min: 1, max: Math.min(3 * block, size) }))
      .map(([offset, length]) => ({ offset, length: Math.min(length, size - offset) }));
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('write' as const), at: stretch, byte: fc.integer({ min: 1, max: 255 }) }),
        fc.record({ do: fc.constant('zero' as const), at: stretch }),
        fc.record({ do: fc.constant('read' as const), at: stretch }),
        fc.record({ do: fc.constant('flush' as const) }),
        fc.record({ do: fc.constant('reopen' as const) }),
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: size }), async (all, baseSize) => {
        const content = pattern(baseSize);
        const model = new Uint8Array(size);
        model.set(content);
        const { cow, base, overlay: first } = await fresh({ virtualSize: size, blockBits, base: content });
        let overlay = first;
        for (const step of all) {
          if (step.do === 'write') {
            model.fill(step.byte, step.at.offset, step.at.offset + step.at.length);
            const data = new Uint8Array(step.at.length).fill(step.byte);
            const middle = step.at.length >> 1;
            await overlay.write([data.subarray(0, middle), data.subarray(middle)], step.at.offset);
          } else if (step.do === 'zero') {
            model.fill(0, step.at.offset, step.at.offset + step.at.length);
            await overlay.writeZeroes(step.at.offset, step.at.length);
          } else if (step.do === 'read') {
            const { offset, length } = step.at;
            expect(
              Buffer.compare(await bytesOf(overlay, offset, length), model.subarray(offset, offset + length)),
            ).toBe(0);
          } else if (step.do === 'flush') await overlay.flush();
          else {
            await overlay.close();
            overlay = await open(cow, base);
          }
        }
        await overlay.close();
        const end = await open(cow, base, true);
        expect(Buffer.compare(await bytesOf(end, 0, size), model)).toBe(0);
        expect((await end.runs(0, size)).reduce((sum, { length }) => sum + length, 0)).toBe(size);
      }),
      { numRuns: blockBits === 21 ? 15 : 60 },
    );
  });

  test('gives the same to writes at once into one fresh block as to one after the other', async () => {
    const { overlay } = await fresh({ virtualSize: 65_536, blockBits: 16, base: pattern(65_536) });
    const model = pattern(65_536);
    await Promise.all(
      Array.from({ length: 64 }, (_, index) => {
        model.fill(index, index * 1024, index * 1024 + 512);
        return overlay.write([new Uint8Array(512).fill(index)], index * 1024);
      }),
    );
    expect(Buffer.compare(await bytesOf(overlay, 0, 65_536), model)).toBe(0);
  });

  test('says which stretches are its own', async () => {
    const { overlay } = await fresh({ virtualSize: 40_960, blockBits: 12, base: pattern(40_960) });
    await overlay.write([new Uint8Array(5000)], 8000);
    expect(await overlay.runs(0, 40_960)).toEqual([
      { changed: false, length: 4096 },
      { changed: true, length: 12_288 },
      { changed: false, length: 24_576 },
    ]);
    expect(await overlay.runs(5000, 100)).toEqual([{ changed: true, length: 100 }]);
  });

  test('shows zeroes behind the end of a base that has grown since', async () => {
    const { overlay, base } = await fresh({ virtualSize: 8192, blockBits: 12, base: pattern(5000) });
    base.put(new Uint8Array(3000).fill(9), 5000);
    expect(await bytesOf(overlay, 5000, 3192)).toEqual(new Uint8Array(3192));
    await overlay.write([Uint8Array.of(1)], 8191);
    expect((await bytesOf(overlay, 5000, 3191)).every((byte) => byte === 0)).toBe(true);
  });

  test('keeps its memory small in an image of 5 TiB that is written all over', async () => {
    const { overlay, cow } = await fresh({ virtualSize: 5_497_558_138_880, blockBits: 12, base: new Uint8Array(512) });
    cow.pages.clear();
    // One block in each of 6000 pages of the bitmap: more than may wait for a flush, or stay in memory.
    for (let page = 0; page < 6000; page++) await overlay.write([new Uint8Array(4096).fill(1)], page * 4096 * 32_768);
    expect(cow.syncs).toBeGreaterThan(4);
    for (const page of [0, 1, 2500, 5999]) {
      expect((await bytesOf(overlay, page * 4096 * 32_768, 1))[0]).toBe(1);
      expect((await bytesOf(overlay, page * 4096 * 32_768 + 4096, 1))[0]).toBe(0);
    }
    expect((await bytesOf(overlay, 5_497_558_138_879, 1))[0]).toBe(0);
  });

  test.each([
    [-1, 1],
    [0, 0],
    [8192, 1],
    [8191, 2],
  ])('refuses %d, %d', async (offset, length) => {
    const { overlay } = await fresh({ virtualSize: 8192, blockBits: 12, base: pattern(8192) });
    await expect(overlay.read(new Uint8Array(length), offset)).rejects.toThrow(RangeError);
    await expect(overlay.write([new Uint8Array(length)], offset)).rejects.toThrow(RangeError);
  });
});

describe('a flush', () => {
  test('is shared by those who wait for it', async () => {
    const { overlay, cow } = await fresh({ virtualSize: 8192, blockBits: 12, base: pattern(8192) });
    await overlay.write([Uint8Array.of(1)], 0);
    const before = cow.syncs;
    await Promise.all(Array.from({ length: 20 }, () => overlay.flush()));
    // The first round, of data and bitmap, and one more for all who came while it was under way.
    expect(cow.syncs - before).toBe(3);
  });

  test('that failed makes every later one fail: the disk may have dropped what it could not write', async () => {
    const { overlay, cow } = await fresh({ virtualSize: 8192, blockBits: 12, base: pattern(8192) });
    await overlay.write([Uint8Array.of(1)], 0);
    cow.syncError = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    await expect(overlay.flush()).rejects.toThrow('EIO');
    await expect(overlay.flush()).rejects.toMatchObject({ code: 'dscow-failed' });
    await expect(overlay.write([Uint8Array.of(2)], 0)).rejects.toMatchObject({ code: 'dscow-failed' });
    await expect(overlay.close()).rejects.toMatchObject({ code: 'dscow-failed' });
    expect(cow.closed).toBe(true);
  });

  test('leaves a failed write’s block to the base', async () => {
    const { overlay, cow, base } = await fresh({ virtualSize: 8192, blockBits: 12, base: pattern(8192) });
    cow.writeError = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    await expect(overlay.write([Uint8Array.of(1)], 0)).rejects.toThrow('ENOSPC');
    await overlay.close();
    expect(await bytesOf(await open(cow, base, true), 0, 8192)).toEqual(pattern(8192));
  });
});

test('the file says that it is in use from open to close', async () => {
  const { overlay, cow, base } = await fresh({ virtualSize: 8192, blockBits: 12, base: pattern(8192) });
  expect((await open(cow, base, true)).header).toMatchObject({ inUse: true, generation: 2 });
  await overlay.close();
  expect((await open(cow, base, true)).header).toMatchObject({ inUse: false, generation: 3 });
});

test('ranges that overlap wait in the order of coming, others do not wait', async () => {
  const lock = new RangeLock();
  const order: string[] = [];
  const one = await lock.take(0, 5);
  const two = lock.take(5, 9).then((release) => {
    order.push('two');
    return release;
  });
  const three = lock.take(9, 9).then((release) => {
    order.push('three');
    return release;
  });
  const four = await lock.take(10, 10);
  order.push('four');
  four();
  one();
  (await two)();
  (await three)();
  expect(order).toEqual(['four', 'two', 'three']);
});
