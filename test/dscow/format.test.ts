import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedRuns, type ChangedRun } from '../../lib/dscow/changed.ts';
import { crc32 } from '../../lib/dscow/crc32.ts';
import { chooseHeader, decodeHeader, encodeHeader, type Header } from '../../lib/dscow/header.ts';
import { layoutOf } from '../../lib/dscow/layout.ts';
import { MemoryFile } from './memory-file.ts';

const header: Header = {
  virtualSize: 3_221_225_472,
  blockBits: 16,
  inUse: false,
  committing: false,
  generation: 1,
  uuid: '12345678-9abc-4def-8123-456789abcdef',
  base: { path: '/images/base.img', size: 3_221_225_472, mtimeNs: 1_700_000_000_123_456_789n, id: 'ab'.repeat(32) },
  created: 1_760_000_000,
};

/** Headers with every field anywhere in its range. */
const headers = fc.record({
  virtualSize: fc.integer({ min: 1, max: 2 ** 52 / 512 }).map((sectors) => sectors * 512),
  blockBits: fc.integer({ min: 12, max: 21 }),
  inUse: fc.boolean(),
  committing: fc.boolean(),
  generation: fc.maxSafeNat(),
  uuid: fc.uuid(),
  base: fc.record({
    path: fc.string({ unit: 'grapheme', maxLength: 100 }).map((text) => `/${text.replaceAll('\0', '')}`),
    size: fc.maxSafeNat(),
    mtimeNs: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    id: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))),
  }),
  created: fc.maxSafeNat(),
});

test('the checksum is zlib’s', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32(bytes) === zlibCrc32(bytes)));
});

describe('the layout', () => {
  test.each([
    // size, block bits → blocks, bitmap length, data offset
    [512, 16, 1, 4096, 65_536],
    [65_536, 12, 16, 4096, 65_536],
    [2_147_483_647 - 511, 16, 32_768, 4096, 65_536],
    [2_147_483_648, 16, 32_768, 4096, 65_536],
    [2_147_483_648, 21, 1024, 4096, 2_097_152],
    [3_221_225_472, 16, 49_152, 8192, 65_536],
    [4_096_000_000, 16, 62_500, 8192, 65_536],
    [4_096_000_000, 12, 1_000_000, 126_976, 196_608],
    [5_497_558_138_880, 16, 83_886_080, 10_485_760, 10_551_296],
    [5_497_558_138_880, 12, 1_342_177_280, 167_772_160, 167_837_696],
  ])('of %d bytes in blocks of 2^%d', (size, bits, blocks, bitmapLength, dataOffset) => {
    const layout = layoutOf(size, bits);
    expect(layout).toMatchObject({ blocks, bitmapOffset: 8192, bitmapLength, dataOffset });
    expect(layout.fileSize).toBe(dataOffset + blocks * 2 ** bits);
  });

  test.each([0, -512, 511, 1.5, Number.NaN, 2 ** 53])('refuses a size of %d', (size) => {
    expect(() => layoutOf(size, 16)).toThrow(expect.objectContaining({ code: 'dscow-size' }));
  });

  test.each([11, 22, 16.5])('refuses blocks of 2^%d', (bits) => {
    expect(() => layoutOf(65_536, bits)).toThrow(expect.objectContaining({ code: 'dscow-size' }));
  });

  test('refuses a file that would have more bytes than can be counted', () => {
    expect(() => layoutOf(2 ** 53 - 512, 12)).toThrow(/more than 2\^53 - 1/);
  });
});

describe('the header', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(headers, (one) => {
        fc.pre(one.base.id === null || !/^0+$/.test(one.base.id));
        expect(decodeHeader(encodeHeader(one))).toEqual(one);
      }),
    );
  });

  test('has its fields where the format says', () => {
    const bytes = Buffer.from(encodeHeader({ ...header, inUse: true }));
    expect(bytes.length).toBe(4096);
    expect(bytes.toString('latin1', 0, 8)).toBe('DSCOWv2\n');
    expect([bytes.readUInt32LE(8), bytes.readUInt32LE(12)]).toEqual([2, 4096]);
    expect(bytes.readBigUInt64LE(32)).toBe(3_221_225_472n);
    expect([bytes.readUInt32LE(40), bytes.readUInt32LE(44)]).toEqual([16, 1]);
    expect([bytes.readBigUInt64LE(48), bytes.readBigUInt64LE(56), bytes.readBigUInt64LE(64)]).toEqual([
      8192n,
      8192n,
      65_536n,
    ]);
    expect(bytes.readBigUInt64LE(104)).toBe(1_700_000_000_123_456_789n);
    expect([bytes.readUInt32LE(112), bytes.readUInt32LE(116)]).toEqual([16, 1]);
    expect(bytes.toString('utf8', 1024, 1040)).toBe('/images/base.img');
    expect(bytes.readUInt32LE(4092)).toBe(zlibCrc32(bytes.subarray(0, 4092)));
  });

  test('keeps what later versions have put into it', () => {
    const before = encodeHeader(header);
    before[24] = 7; // compatible features
    before[200] = 9; // reserved
    const after = encodeHeader({ ...header, generation: 2 }, before);
    expect([after[24], after[200]]).toEqual([7, 9]);
    expect(decodeHeader(after)).toMatchObject({ generation: 2 });
  });

  test('is refused whichever bit of it is wrong', () => {
    const whole = encodeHeader(header);
    fc.assert(
      fc.property(fc.nat(4095), fc.nat(7), (byte, bit) => {
        const broken = whole.slice();
        broken[byte]! ^= 1 << bit;
        expect(decodeHeader(broken)).toHaveProperty('problem');
      }),
      { numRuns: 2000 },
    );
  });

  test('never throws, whatever the bytes, with a checksum that is right', () => {
    fc.assert(
      fc.property(fc.nat(180), fc.uint8Array({ minLength: 8, maxLength: 64 }), (at, junk) => {
        const bytes = encodeHeader(header);
        bytes.set(junk, 8 + at);
        new DataView(bytes.buffer).setUint32(4092, crc32(bytes.subarray(0, 4092)), true);
        expect(decodeHeader(bytes)).toBeTypeOf('object');
      }),
      { numRuns: 3000 },
    );
  });

  test('names a base by an absolute path of at most 3000 bytes', () => {
    const named = (path: string) => encodeHeader({ ...header, base: { ...header.base, path } });
    expect(decodeHeader(named(`/${'x'.repeat(2999)}`))).not.toHaveProperty('problem');
    for (const path of [`/${'x'.repeat(3000)}`, 'relative', '', '/a\0b']) {
      expect(() => named(path)).toThrow(expect.objectContaining({ code: 'dscow-base-path' }));
    }
  });
});

describe('of two copies of the header', () => {
  const older = encodeHeader(header);
  const newer = encodeHeader({ ...header, generation: 2, inUse: true });
  const damaged = older.slice().fill(0xff, 100, 600);
  const foreign = new Uint8Array(4096);

  test('the newer one counts', () => {
    expect(chooseHeader(older, newer, 'x').header.generation).toBe(2);
    expect(chooseHeader(newer, older, 'x').header.generation).toBe(2);
  });

  test('a sound one is enough', () => {
    expect(chooseHeader(damaged, older, 'x')).toMatchObject({ problem: 'header A has a wrong checksum' });
    expect(chooseHeader(older, foreign, 'x')).toMatchObject({ problem: 'header B has no dscow v2 magic' });
  });

  test('a file without any is not ours', () => {
    expect(() => chooseHeader(foreign, foreign, '/x.dscow')).toThrow(
      '/x.dscow is not a dscow v2 file (the 2006 format is undocumented and cannot be read)',
    );
  });

  test('two damaged ones are said to be so', () => {
    expect(() => chooseHeader(damaged, damaged, 'x')).toThrow(expect.objectContaining({ code: 'dscow-damaged' }));
  });

  test('one that asks for an unknown feature stops the whole', () => {
    const bytes = encodeHeader({ ...header, generation: 3 });
    bytes[16] = 4;
    new DataView(bytes.buffer).setUint32(4092, crc32(bytes.subarray(0, 4092)), true);
    expect(() => chooseHeader(bytes, older, 'x')).toThrow(/features that are not known here: 0x4/);
  });
});

test('changed blocks are found as runs, across words and slices', async () => {
  const layout = layoutOf(5_497_558_138_880, 16);
  const file = new MemoryFile();
  const expected: ChangedRun[] = [
    { first: 0, end: 1 },
    { first: 63, end: 65 },
    { first: 128, end: 300 },
    { first: 8_388_600, end: 8_388_700 }, // across the first MiB of the bitmap
    { first: 83_886_079, end: 83_886_080 },
  ];
  for (const { first, end } of expected) {
    for (let block = first; block < end; block++) {
      const byte = new Uint8Array(1);
      await file.read(byte, 8192 + (block >> 3));
      byte[0]! |= 1 << (block & 7);
      file.put(byte, 8192 + (block >> 3));
    }
  }
  const found: ChangedRun[] = [];
  for await (const run of changedRuns(file, layout)) found.push(run);
  expect(found).toEqual(expected);
});
