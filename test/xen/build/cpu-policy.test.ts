import { describe, expect, it } from 'vitest';
import { guestCpuid, type CpuidLeaf } from '../../../lib/xen/build/cpu-policy.ts';

const NO_SUBLEAF = 0xffff_ffff;

/** A leaf as `xen-cpuid -p` prints it: `00000001:ffffffff -> 00060fb1:00020800:80202001:178bfbfd`. */
function leaf(line: string): CpuidLeaf {
  const [number = 0, subleaf = 0, a = 0, b = 0, c = 0, d = 0] = line.split(/:| -> /).map((word) => parseInt(word, 16));
  return { leaf: number, subleaf, a, b, c, d };
}
const leaves = (...lines: string[]) => lines.map(leaf);
const hvm = { translated: true, nested: false, pae: true } as const;

/** What an emulated AMD host's Xen 4.17 offers, and what it gives after stock xl's creation. */
const AMD = {
  host: leaves(
    '00000001:ffffffff -> 00060fb1:00020800:80002001:178bf3fd',
    '80000001:ffffffff -> 00060fb1:00000000:00000007:2193fbfd',
  ),
  offered: leaves(
    '00000000:ffffffff -> 0000000d:68747541:444d4163:69746e65',
    '00000001:ffffffff -> 00060fb1:00020800:80202001:178bfbfd',
    '80000001:ffffffff -> 00060fb1:00000000:00000003:20100800',
    '80000008:ffffffff -> 00003028:00100000:00001001:00000000',
  ),
  given: leaves(
    '00000000:ffffffff -> 0000000d:68747541:444d4163:69746e65',
    '00000001:ffffffff -> 00060fb1:00040800:80202001:178bfbfd',
    '80000001:ffffffff -> 00060fb1:00000000:00000001:20100800',
    '80000008:ffffffff -> 00003028:00100000:00002003:00000000',
  ),
};

describe('a guest’s CPUID', () => {
  it('has on AMD a core for each two APIC ids, as stock xl gives it', () => {
    expect(guestCpuid(AMD.offered, AMD.host, hvm)).toEqual(AMD.given);
  });

  it('has on Intel caches that no two threads share', () => {
    const intel = [leaf('00000000:ffffffff -> 0000000d:756e6547:6c65746e:49656e69')];
    const caches = ['00000004:00000000 -> 1c004121:01c0003f:0000003f:00000000', '00000004:00000004 -> 0:0:0:0'];
    expect(guestCpuid([...intel, ...leaves(...caches)], [], hvm).slice(1)).toEqual(
      leaves('00000004:00000000 -> 3c000121:01c0003f:0000003f:00000000', '00000004:00000004 -> 0:0:0:0'),
    );
  });

  it.each([
    ['more ids than the byte holds', '00000001:ffffffff -> 0:00800000:0:10000040', '0:00800000:0:10000040'],
    ['as many as it holds', '00000001:ffffffff -> 0:00400000:0:10000040', '0:00800000:0:10000040'],
    ['no count of bits', '80000008:ffffffff -> 0:0:00000003:0', '0:0:00000007:0'],
    ['as many bits as can be said', '80000008:ffffffff -> 0:0:0000f003:0', '0:0:0000f007:0'],
    ['too many threads', '80000008:ffffffff -> 0:0:0000107f:0', '0:0:0000107f:0'],
  ])('does not overflow: %s', (_, given, expected) => {
    const [, changed] = guestCpuid([AMD.offered[0]!, leaf(given)], [], hvm);
    expect(changed).toEqual(leaf(`${given.slice(0, 17)} -> ${expected}`));
  });

  it.each([
    { nested: true, pae: true, vmx: 1, svm: 1, hasPae: 1 },
    { nested: false, pae: false, vmx: 0, svm: 0, hasPae: 0 },
  ])('says what the configuration says: %o', ({ nested, pae, vmx, svm, hasPae }) => {
    const all = [1, 0x80000001].map((number) => ({ leaf: number, subleaf: NO_SUBLEAF, a: 0, b: 0, c: 36, d: 64 }));
    const [first, more] = guestCpuid(all, [], { translated: true, nested, pae });
    expect([(first!.c >>> 5) & 1, (more!.c >>> 2) & 1, (first!.d >>> 6) & 1]).toEqual([vmx, svm, hasPae]);
  });

  it('has no invariant counter, since the guest may move', () => {
    const power = leaf('80000007:ffffffff -> 0:0:0:00000100');
    for (const translated of [true, false])
      expect(guestCpuid([power], [], { ...hvm, translated })).toEqual([{ ...power, d: 0 }]);
  });

  it('tells a PV guest how to read the host’s topology, and nothing else', () => {
    const pv = { translated: false, nested: false, pae: true };
    const given = guestCpuid(AMD.offered, AMD.host, pv);
    expect(given).toEqual(AMD.offered.map((one) => (one.leaf === 0x80000001 ? { ...one, c: 3 } : one)));
    const bare = AMD.host.map((one) => ({ ...one, c: 0, d: 0 }));
    expect(guestCpuid(AMD.offered, bare, pv)).toEqual(
      AMD.offered.map((one) =>
        one.leaf === 1 ? { ...one, d: 0x078bfbfd } : one.leaf === 0x80000001 ? { ...one, c: 1 } : one,
      ),
    );
  });
});
