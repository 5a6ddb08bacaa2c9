import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, decodeAll, encode, encodeAll } from '../../../lib/xen/abi/codec.ts';
import { bitmapOf, handleOf, membersOf, uuidOf } from '../../../lib/xen/abi/common.ts';
import * as structs from '../../../lib/xen/abi/domctl-structs.ts';
import { DOMCTL_VERSIONS, DOMCTLS, decodeDomctl, encodeDomctl } from '../../../lib/xen/abi/domctl.ts';
import { readFrameList, writeFrameList } from '../../../lib/xen/abi/frames.ts';
import {
  array,
  bytes,
  place,
  sizeOf,
  struct,
  type Layout,
  type Plain,
  type Scalar,
} from '../../../lib/xen/abi/layout.ts';
import { encodeMemoryMap, memoryReservation } from '../../../lib/xen/abi/memory.ts';
import { decodeSysctl, encodeSysctl, SYSCTLS } from '../../../lib/xen/abi/sysctl.ts';

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

const scalars: Readonly<Record<Scalar, fc.Arbitrary<number | bigint>>> = {
  u8: fc.integer({ min: 0, max: 0xff }),
  u16: fc.integer({ min: 0, max: 0xffff }),
  u32: fc.integer({ min: 0, max: 0xffff_ffff }),
  s32: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  s64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  n64: fc.maxSafeNat(),
};

/** Any value of a type, in one version. */
function valueOf(type: Plain, version: number): fc.Arbitrary<unknown> {
  if (typeof type === 'string') return scalars[type];
  switch (type.kind) {
    case 'bytes':
      return fc.uint8Array({ minLength: type.size, maxLength: type.size });
    case 'array':
      return fc.array(valueOf(type.of, version), { minLength: type.count, maxLength: type.count });
    case 'struct':
      return fc.record(
        Object.fromEntries(place(type, version).fields.map((field) => [field.name, valueOf(field.type, version)])),
        { noNullPrototype: true },
      );
  }
}

const layouts: readonly Layout[] = [
  ...Object.values(DOMCTLS).map(({ layout }) => layout as Layout),
  ...Object.values(SYSCTLS).map(({ layout }) => layout as Layout),
  structs.cpuidLeaf,
  structs.schedRtds,
  memoryReservation,
  struct('mixed', { a: 'u8', b: array(struct('inner', { x: 's32', y: bytes(3) }), 3), c: 's64' }),
];

describe('encode and decode', () => {
  it.each(DOMCTL_VERSIONS)('are each other’s way back, for every struct of %o', ({ version }) => {
    for (const layout of layouts) {
      fc.assert(
        fc.property(valueOf(layout, version), (values) => {
          const encoded = encode(layout, values as never, version);
          expect(encoded.length).toBe(sizeOf(layout, version));
          expect(decode(layout, encoded, version)).toEqual(values);
        }),
        { numRuns: 20 },
      );
    }
  });

  it('write little-endian, and zeroes wherever nothing is said', () => {
    const layout = struct('s', { a: 'u8', b: 'u32', c: 'u64', d: bytes(4), e: array('u16', 3) });
    const encoded = encode(layout, { a: 1, b: 0x01020304, c: 0x0102030405060708n, d: Uint8Array.of(9), e: [0xa0b] });
    expect(hex(encoded)).toBe('0100000004030201' + '0807060504030201' + '09000000' + '0b0a00000000' + '000000000000');
    expect(hex(encode(layout, {}))).toBe('00'.repeat(32));
  });

  it('take structs that lie one after the other', () => {
    const leaves = [1, 2, 3].map((leaf) => ({ leaf, subleaf: 0xffff_ffff, a: leaf, b: 0, c: 0, d: 0xffff_ffff }));
    const encoded = encodeAll(structs.cpuidLeaf, leaves);
    expect(encoded.length).toBe(72);
    expect(decodeAll(structs.cpuidLeaf, encoded, 3)).toEqual(leaves);
    expect(decodeAll(structs.cpuidLeaf, encoded, 2)).toEqual(leaves.slice(0, 2));
    expect(() => decodeAll(structs.cpuidLeaf, encoded, 4)).toThrow(
      '4 × xen_cpuid_leaf_t take 96 bytes, and here are 72',
    );
  });

  it('decode bytes that begin anywhere in a buffer', () => {
    const encoded = encode(structs.maxMem, { max_memkb: 5 });
    const within = new Uint8Array(24);
    within.set(encoded, 3);
    expect(decode(structs.maxMem, within.subarray(3))).toEqual({ max_memkb: 5 });
  });

  it.each([
    ['max_vcpus', { max: 2 ** 32 }, 'struct xen_domctl_max_vcpus.max is u32, which cannot hold 4294967296'],
    ['max_vcpus', { max: -1 }, 'max is u32, which cannot hold -1'],
    ['max_vcpus', { max: 1.5 }, 'max is u32, which cannot hold 1.5'],
    ['max_vcpus', { max: Number.NaN }, 'max is u32, which cannot hold NaN'],
    ['max_mem', { max_memkb: 2 ** 53 }, 'max_memkb is n64, which cannot hold 9007199254740992'],
    ['settimeoffset', { time_offset_seconds: 2n ** 63n }, 'time_offset_seconds is s64'],
    ['createdomain', { handle: new Uint8Array(17) }, 'struct xen_domctl_createdomain.handle holds 16, not 17'],
    ['createdomain', { arch: { misc_flags: -1 } }, 'createdomain.arch.misc_flags is u32'],
  ] as const)('refuse, in %s, %o', (name, values, message) => {
    expect(() => encodeDomctl(name, 1, values, 0x15)).toThrow(RangeError);
    expect(() => encodeDomctl(name, 1, values, 0x15)).toThrow(message);
  });

  it('refuse a count that a number cannot hold exactly', () => {
    expect(() => decode(structs.maxMem, new Uint8Array(8).fill(0xff))).toThrow('18446744073709551615 is more');
  });
});

describe('domctl and sysctl', () => {
  it('put the argument behind the envelope', () => {
    const call = encodeDomctl('max_mem', 0x102, { max_memkb: 0x1000 }, 0x16);
    expect(call.length).toBe(144);
    expect(hex(call.subarray(0, 24))).toBe('0b000000' + '16000000' + '0201000000000000' + '0010000000000000');
    expect(hex(encodeSysctl('sched_id', { sched_id: 6 }, 0x15).subarray(0, 12))).toBe('040000001500000006000000');
  });

  it('answer the argument and the domain that Xen left there', () => {
    const call = encodeDomctl('createdomain', 7, { max_vcpus: 3, cpupool_id: 2 }, 0x17);
    const { domain, values } = decodeDomctl('createdomain', call, 0x17);
    expect(domain).toBe(7);
    expect(values).toMatchObject({ max_vcpus: 3, cpupool_id: 2, 'altp2m.opts': 0 });
    expect(decodeSysctl('sched_id', encodeSysctl('sched_id', { sched_id: 6 }, 0x15), 0x15)).toEqual({ sched_id: 6 });
  });

  it('carry no version where the layout is promised to stay', () => {
    const [stable, other] = [
      encodeDomctl('get_domain_state', 1, {}, 0x18),
      encodeDomctl('pausedomain', 1, {}, 0x18),
    ].map((call) => call[4]);
    expect([stable, other]).toEqual([0, 0x18]);
  });

  it('have room for every argument', () => {
    for (const { layout } of [...Object.values(DOMCTLS), ...Object.values(SYSCTLS)]) {
      for (const { version } of DOMCTL_VERSIONS) expect(sizeOf(layout, version)).toBeLessThanOrEqual(128);
    }
  });
});

describe('what is no struct', () => {
  it('bitmaps: the lowest bit of the first byte is member 0', () => {
    expect(hex(bitmapOf([0, 3, 9], 12))).toBe('0902');
    expect(membersOf(Uint8Array.of(0x09, 0x02))).toEqual([0, 3, 9]);
    expect(() => bitmapOf([12], 12)).toThrow('bit 12 is outside a bitmap of 12');
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(199)), (members) => {
        expect(membersOf(bitmapOf(members, 200))).toEqual(members.toSorted((a, b) => a - b));
      }),
    );
  });

  it('handles: a uuid’s bytes in the order in which people write them', () => {
    const uuid = '00112233-4455-6677-8899-aabbccddeeff';
    expect(hex(handleOf(uuid))).toBe('00112233445566778899aabbccddeeff');
    fc.assert(fc.property(fc.uuid(), (any) => uuidOf(handleOf(any)) === any));
    expect(() => handleOf('0011')).toThrow("'0011' is no uuid");
  });

  it('lists of frames: 64 bits each, beyond 32 bits too', () => {
    const frames = [0, 1, 0xffff_ffff, 2 ** 32, 2 ** 52 - 1];
    const target = new Uint8Array(frames.length * 8);
    writeFrameList(target, frames);
    const view = new DataView(target.buffer);
    expect(frames.map((_, index) => Number(view.getBigUint64(index * 8, true)))).toEqual(frames);
    expect([...readFrameList(target, frames.length)]).toEqual(frames);
  });

  it('memory maps: 20 bytes an entry', () => {
    const map = encodeMemoryMap([
      { address: 0, size: 0xa0000, type: 1 },
      { address: 0xfc000000, size: 0x1000, type: 4 },
    ]);
    expect(hex(map)).toBe(
      '0000000000000000' + '00000a0000000000' + '01000000' + '000000fc00000000' + '0010000000000000' + '04000000',
    );
  });
});
