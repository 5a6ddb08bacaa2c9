import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XlError } from '../../../lib/base/error.ts';
import { openKernel, unpackedKernel } from '../../../lib/xen/build/bzimage.ts';
import { readElf } from '../../../lib/xen/build/elf.ts';
import { describeNotes, FEATURE_RSDP_UNRESTRICTED, xenNotes } from '../../../lib/xen/build/xen-notes.ts';
import { makeBzImage, makeElf, type ElfRecipe } from './make-elf.ts';

const code = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
const kernel: ElfRecipe = {
  entry: 0xffffffff81000000n,
  segments: [
    { physical: 0x1000000n, virtual: 0xffffffff81000000n, bytes: code, memorySize: 9000 },
    { physical: 0x2000000n, bytes: code.subarray(0, 7) },
  ],
  notes: [
    { name: 'GNU', type: 3, value: 'build' },
    { type: 6, value: 'linux' },
    { type: 1, value: 0xffffffff82000000n },
    { type: 10, value: '!writable_page_tables|pae_pgdir_above_4gb|of_the_future' },
    { type: 17, value: 1 << FEATURE_RSDP_UNRESTRICTED },
    { type: 18, value: 0x1000370 },
  ],
};

describe('an ELF kernel', () => {
  it.each([
    [64, 'segment'],
    [64, 'section'],
    [32, 'segment'],
    [32, 'section'],
  ] as const)('of %i bits is read, its notes in a %s', (bits, notesIn) => {
    const narrow = (value: bigint) => (bits === 32 ? BigInt.asUintN(32, value) : value);
    const segments = kernel.segments.map(({ virtual, ...segment }) =>
      virtual === undefined ? segment : { ...segment, virtual: narrow(virtual) },
    );
    const image = readElf(makeElf({ ...kernel, bits, notesIn, segments, entry: narrow(kernel.entry!) }));
    expect(image.bits).toBe(bits);
    expect(image.entry).toBe(narrow(kernel.entry!));
    expect(image.segments.map(({ physical, virtual, memorySize }) => [physical, virtual, memorySize])).toEqual([
      [0x1000000n, narrow(0xffffffff81000000n), 9000n],
      [0x2000000n, 0x2000000n, 7n],
    ]);
    expect(Buffer.compare(image.segments[0]!.bytes, code)).toBe(0);
    expect(xenNotes(image)).toEqual({
      entry: 0xffffffff82000000n,
      hypercallPage: null,
      virtBase: null,
      paddrOffset: null,
      initP2m: null,
      hvStartLow: null,
      xenVersion: null,
      guestOs: 'linux',
      guestVersion: null,
      loader: null,
      paeMode: null,
      features: { supported: new Set([FEATURE_RSDP_UNRESTRICTED, 0, 4]), required: new Set([0]) },
      unmappedRamdisk: false,
      phys32Entry: 0x1000370,
    });
    expect(describeNotes(image)).toBe('its notes are GUEST_OS, ENTRY, FEATURES, SUPPORTED_FEATURES, PHYS32_ENTRY');
  });

  it('may have no notes', () => {
    const image = readElf(makeElf({ segments: kernel.segments }));
    expect(describeNotes(image)).toBe('it has none of Xen’s notes');
    expect(xenNotes(image).phys32Entry).toBeNull();
  });

  it('may not require what Xen does not know', () => {
    const image = readElf(makeElf({ segments: kernel.segments, notes: [{ type: 10, value: '!of_the_future' }] }));
    expect(() => xenNotes(image)).toThrow(expect.objectContaining({ code: 'kernel-feature' }));
  });

  it.each<[string, (file: Buffer) => Uint8Array, string]>([
    ['nothing', () => new Uint8Array(), 'kernel-not-elf'],
    ['a script', () => Buffer.from('#!/bin/sh\n'.repeat(9)), 'kernel-not-elf'],
    ['half a file', (file) => file.subarray(0, 3000), 'kernel-corrupt'],
    ['a header alone', (file) => file.subarray(0, 52), 'kernel-corrupt'],
    ['an ARM executable', (file) => (file.writeUInt16LE(183, 18), file), 'kernel-machine'],
    ['an object file', (file) => (file.writeUInt16LE(1, 16), file), 'kernel-machine'],
    ['a big-endian file', (file) => (file.writeUInt8(2, 5), file), 'kernel-machine'],
    ['tiny program headers', (file) => (file.writeUInt16LE(8, 54), file), 'kernel-corrupt'],
    ['a segment beyond everything', (file) => (file.writeBigUInt64LE(2n ** 63n, 64 + 8), file), 'kernel-corrupt'],
    ['less memory than bytes', (file) => (file.writeBigUInt64LE(1n, 64 + 40), file), 'kernel-corrupt'],
    ['nothing to load', (file) => (file.writeUInt32LE(6, 64), file.writeUInt32LE(6, 120), file), 'kernel-corrupt'],
  ])('is refused if it is %s', (_, spoil, code) => {
    expect(() => readElf(spoil(Buffer.from(makeElf(kernel))))).toThrow(expect.objectContaining({ code }));
  });

  it('is read or refused whatever bytes are spoilt, and never believed beyond its length', () => {
    const good = makeElf(kernel);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(560), fc.nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        const file = Uint8Array.from(good);
        for (const [at, value] of changes) file[at] = value;
        try {
          const image = readElf(file);
          xenNotes(image);
          expect(image.segments.every(({ bytes }) => bytes.length <= file.length)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(XlError);
        }
      }),
    );
  });
});

describe('a kernel file', () => {
  const elf = makeElf(kernel);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(elf.length);

  it('may be ELF itself, or hold it as it is', () => {
    expect(openKernel(elf)).toEqual({ kind: 'elf', elf });
    expect(openKernel(makeBzImage(elf))).toMatchObject({ kind: 'elf' });
  });

  it('may be gzipped, within a bzImage or without', () => {
    const bytes = gzipSync(elf);
    const expected = { kind: 'packed', compression: 'gzip', size: elf.length };
    for (const file of [bytes, makeBzImage(bytes)]) {
      const found = openKernel(file);
      expect(found).toMatchObject(expected);
      expect(found.kind === 'packed' && Buffer.compare(found.bytes, bytes)).toBe(0);
    }
  });

  it.each([
    ['xz', 'fd377a585a00'],
    ['zstd', '28b52ffd'],
    ['lz4', '02214c18'],
    ['bzip2', '425a6839'],
    ['lzma', '5d00008000'],
    ['lzop', '894c5a4f000d0a1a0a'],
  ])('may be packed by %s, its size behind the stream', (compression, magic) => {
    const stream = Buffer.concat([Buffer.from(magic, 'hex'), Buffer.alloc(40, 1)]);
    const found = openKernel(makeBzImage(Buffer.concat([stream, size])));
    expect(found).toMatchObject({ kind: 'packed', compression, size: elf.length });
    expect(found.kind === 'packed' && Buffer.compare(found.bytes, stream)).toBe(0);
  });

  it.each([
    [
      'another format',
      Buffer.from('MZ something else entirely'),
      'kernel-not-elf',
      /neither an ELF file nor a bzImage/,
    ],
    ['an unknown compression', makeBzImage(Buffer.from('who knows what this is')), 'kernel-compression', /not known/],
    ['an old protocol', makeBzImage(elf, { version: 0x207 }), 'kernel-corrupt', /boot protocol 2\.7/],
    ['a payload beyond its end', makeBzImage(elf, { length: 1e6 }), 'kernel-corrupt', /cut off/],
    [
      'a size that cannot be',
      makeBzImage(Buffer.from('28b52ffdffffffffffffffff', 'hex')),
      'kernel-corrupt',
      /4294967295/,
    ],
  ])('of %s is refused', (_, file, code, message) => {
    expect(() => openKernel(file)).toThrow(expect.objectContaining({ code }));
    expect(() => openKernel(file)).toThrow(message);
  });

  it('must unpack to what it said', () => {
    expect(unpackedKernel({ compression: 'xz', size: elf.length }, elf)).toBe(elf);
    expect(() => unpackedKernel({ compression: 'xz', size: 1 }, elf)).toThrow(/xz made .* bytes/);
  });
});
