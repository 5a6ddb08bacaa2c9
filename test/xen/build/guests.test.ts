import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type BuildPlan, type BuildStep } from '../../../lib/xen/build/build-plan.ts';
import { decode } from '../../../lib/xen/abi/codec.ts';
import { contextsToSet, hvmHwCpu } from '../../../lib/xen/build/hvm-context.ts';
import { buildHvm, type HvmConfig } from '../../../lib/xen/build/hvm.ts';
import { buildPvh, type PvhConfig } from '../../../lib/xen/build/pvh.ts';
import { GUEST_CASES, noise } from './guest-cases.ts';
import { makeElf } from './make-elf.ts';
import { PRETEND_CONTEXT } from './observation.ts';

const pvh = GUEST_CASES.find((guest) => guest.name === 'pvh-linux')!.config as PvhConfig;
const hvm = GUEST_CASES.find((guest) => guest.name === 'hvm-small')!.config as HvmConfig;
const steps = <Do extends BuildStep['do']>(plan: BuildPlan, what: Do) =>
  plan.steps.filter((step): step is Extract<BuildStep, { do: Do }> => step.do === what);
const code = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return 'no error';
};

const sizes = fc.record({
  mib: fc.oneof(fc.integer({ min: 64, max: 600 }), fc.integer({ min: 3500, max: 70_000 })),
  spareMib: fc.oneof(fc.constant(0), fc.nat(5000)),
  vcpus: fc.integer({ min: 1, max: 128 }),
  online: fc.integer({ min: 1, max: 128 }),
  module: fc.nat(2_000_000),
  cmdline: fc.string({ maxLength: 3000 }),
});
const anyPlan = sizes.chain(({ mib, spareMib, vcpus, online, module, cmdline }) => {
  const config = {
    memory: { targetKiB: mib * 1024, maxKiB: (mib + spareMib) * 1024, videoKiB: 0 },
    vcpus: { max: vcpus, online: Math.min(online, vcpus) },
  };
  const modules = [{ what: 'ramdisk', bytes: new Uint8Array(module).fill(7), cmdline: null }];
  return fc.constantFrom(buildPvh({ ...pvh, ...config, cmdline, modules }), buildHvm({ ...hvm, ...config }));
});

describe('every plan', () => {
  it('writes only into frames that it has populated, and nowhere twice', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const populated: (readonly [number, number])[] = [];
        const written: (readonly [number, number])[] = [];
        for (const step of plan.steps) {
          if (step.do === 'populate') {
            const end = step.run.gfn + step.run.count * 2 ** step.run.order;
            expect(populated.some(([from, to]) => step.run.gfn < to && end > from)).toBe(false);
            populated.push([step.run.gfn, end]);
          }
          if (step.do !== 'write') continue;
          const [from, to] = [step.gfn, step.gfn + step.frames];
          const held = populated
            .map(([start, end]) => Math.max(0, Math.min(end, to) - Math.max(start, from)))
            .reduce((sum, frames) => sum + frames, 0);
          expect(held, step.what).toBe(step.frames);
          expect(written.some(([start, end]) => from < end && to > start)).toBe(false);
          written.push([from, to]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('has pieces in order, within their frames', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const { pieces, frames } of steps(plan, 'write')) {
          const ends = pieces.map(({ offset, bytes }) => offset + bytes.length);
          pieces.forEach(({ offset }, index) => expect(offset).toBeGreaterThanOrEqual(ends[index - 1] ?? 0));
          expect(ends.at(-1) ?? 0).toBeLessThanOrEqual(frames * PAGE_SIZE);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('ends with the first vcpu, when all it looks at is there', () => {
    for (const plan of [buildPvh(pvh), buildHvm(hvm)]) {
      expect(plan.steps.at(-1)).toMatchObject({ do: 'set-hvm-context' });
      const [{ cpu } = { cpu: new Uint8Array() }] = steps(plan, 'set-hvm-context');
      const startInfo = steps(plan, 'write').find(({ what }) => what === 'start info')!;
      expect(Number(decode(hvmHwCpu, cpu).rbx)).toBe(startInfo.gfn * PAGE_SIZE);
    }
  });

  it('opens its rings for who serves them', () => {
    const plan = buildPvh({ ...pvh, store: { port: 4, domid: 9 }, console: { port: 5, domid: 0 } });
    expect(plan).toMatchObject({ storeGfn: 0xfeffc, consoleGfn: 0xfefff });
    expect(steps(plan, 'seed-grants')).toEqual([
      {
        do: 'seed-grants',
        grants: [
          { ref: 0, domid: 0, gfn: 0xfefff },
          { ref: 1, domid: 9, gfn: 0xfeffc },
        ],
      },
    ]);
    const params = new Map(steps(plan, 'set-hvm-param').map(({ param, value }) => [param, value]));
    expect([params.get('STORE_EVTCHN'), params.get('CONSOLE_EVTCHN')]).toEqual([4, 5]);
  });
});

describe('a PVH guest', () => {
  const kernel = (physical: bigint, entry: number, more = {}) =>
    makeElf({
      bits: 32,
      segments: [{ physical, bytes: noise(64, 1), ...more }],
      notes: [{ type: 18, value: entry }],
    });

  it.each<[string, Partial<PvhConfig>, string]>([
    [
      'a kernel without the note',
      { kernel: makeElf({ segments: [{ physical: 0n, bytes: noise(9, 1) }] }) },
      'kernel-not-pvh',
    ],
    ['no kernel', { kernel: noise(5000, 1) }, 'kernel-not-elf'],
    ['a kernel within a frame', { kernel: kernel(0x100010n, 0x100010) }, 'kernel-address'],
    ['a kernel entered elsewhere', { kernel: kernel(0x100000n, 0x200000) }, 'kernel-address'],
    [
      'a kernel at the end of 4 GiB',
      { kernel: kernel(0xfffff000n, 0xfffff000, { memorySize: 8192 }) },
      'kernel-address',
    ],
    ['a kernel in the tables', { kernel: kernel(0xfc000000n, 0xfc000000) }, 'memory-too-small'],
    [
      'a ramdisk too large',
      { modules: [{ what: 'ramdisk', bytes: new Uint8Array(4e8), cmdline: null }] },
      'memory-too-small',
    ],
    ['three modules', { modules: [pvh.modules[0]!, pvh.modules[0]!, pvh.modules[0]!] }, 'too-many-modules'],
    [
      'a module’s line too long',
      { modules: [{ what: 'kernel', bytes: noise(9, 1), cmdline: 'x'.repeat(1024) }] },
      'cmdline-too-long',
    ],
    ['too many vcpus', { vcpus: { max: 129, online: 1 } }, 'too-many-vcpus'],
    ['no vcpus', { vcpus: { max: 0, online: 0 } }, 'too-many-vcpus'],
  ])('of %s is refused', (_, change, expected) => {
    expect(code(() => buildPvh({ ...pvh, ...change }))).toBe(expected);
  });

  it('says which notes a kernel for PV has', () => {
    const kernel = makeElf({
      segments: [{ physical: 0n, bytes: noise(9, 1) }],
      notes: [
        { type: 6, value: 'linux' },
        { type: 1, value: 0xffffffff82000000n },
      ],
    });
    expect(() => buildPvh({ ...pvh, kernel })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('its notes are GUEST_OS, ENTRY') as unknown }),
    );
  });

  it('says what did not fit where', () => {
    const memory = { targetKiB: 16 * 1024, maxKiB: 16 * 1024, videoKiB: 0 };
    expect(() => buildPvh({ ...pvh, memory })).toThrow(
      expect.objectContaining({
        message: 'the guest has 16 MiB below 4 GiB, and what it starts with reaches to 17 MiB',
        evidence: [
          {
            title: 'what is loaded where',
            lines: [
              'kernel: 0x1000000 to 0x1051000',
              'ramdisk: 0x1052000 to 0x105a000',
              'start info: 0x1051000 to 0x1052000',
            ],
          },
        ],
      }),
    );
  });

  it('passes modules their own command lines', () => {
    const modules = [
      { what: 'inner kernel', bytes: noise(5000, 8), cmdline: 'console=hvc0' },
      { what: 'ramdisk', bytes: noise(100, 9), cmdline: null },
    ];
    const plan = buildPvh({ ...pvh, cmdline: null, modules });
    const { gfn, pieces } = steps(plan, 'write').find(({ what }) => what === 'start info')!;
    const info = Buffer.from(pieces[0]!.bytes);
    const list = Number(info.readBigUInt64LE(16)) - gfn * PAGE_SIZE;
    const loaded = steps(plan, 'write').filter(({ what }) => modules.some((module) => module.what === what));
    expect(info.readUInt32LE(12)).toBe(2);
    expect([0, 1].map((index) => Number(info.readBigUInt64LE(list + index * 32)))).toEqual(
      loaded.map((step) => step.gfn * PAGE_SIZE),
    );
    expect([0, 1].map((index) => Number(info.readBigUInt64LE(list + index * 32 + 8)))).toEqual([5000, 100]);
    const line = Number(info.readBigUInt64LE(list + 16)) - gfn * PAGE_SIZE;
    expect(info.toString('utf8', line, line + 13)).toBe('console=hvc0\0');
    expect(info.readBigUInt64LE(list + 32 + 16)).toBe(0n);
  });

  it('has a command line in UTF-8', () => {
    const plan = buildPvh({ ...pvh, cmdline: 'hôte=ü' });
    const { gfn, pieces } = steps(plan, 'write').find(({ what }) => what === 'start info')!;
    const info = Buffer.from(pieces[0]!.bytes);
    const line = Number(info.readBigUInt64LE(24)) - gfn * PAGE_SIZE;
    expect(info.toString('utf8', line, line + 9)).toBe('hôte=ü\0');
  });
});

describe('an HVM guest', () => {
  it.each<[string, Partial<HvmConfig>, string]>([
    ['a 64-bit loader', { loader: pvh.kernel }, 'loader-not-32-bit'],
    ['no loader', { loader: noise(5000, 1) }, 'kernel-not-elf'],
    ['a BIOS too large', { bios: new Uint8Array(1e8) }, 'memory-too-small'],
    ['too many vcpus', { vcpus: { max: 129, online: 1 } }, 'too-many-vcpus'],
  ])('of %s is refused', (_, change, expected) => {
    expect(code(() => buildHvm({ ...hvm, ...change }))).toBe(expected);
  });
});

describe('the context of a vcpu', () => {
  const step = { do: 'set-hvm-context', cpu: noise(1028, 3), mtrrVcpus: 2 } as const;

  it('keeps Xen’s header and MTRRs, turns these on, and comes last', () => {
    const current = Buffer.from(PRETEND_CONTEXT);
    current.fill(0xab, 8, 32).fill(0xcd, 40, 280);
    const [first, second, cpu, ...others] = contextsToSet(step, current).map((bytes) => Buffer.from(bytes));
    expect(others).toEqual([]);
    expect([first!, second!, cpu!].every((context) => context.subarray(8, 32).every((byte) => byte === 0xab))).toBe(
      true,
    );
    expect([first!.readUInt16LE(34), second!.readUInt16LE(34)]).toEqual([0, 1]);
    expect(first!.subarray(40, 272).every((byte) => byte === 0xcd)).toBe(true);
    expect(first!.readBigUInt64LE(272)).toBe(0xc06n - 0x400n);
    expect(cpu!.readUInt16LE(32)).toBe(2);
    expect(Buffer.compare(cpu!.subarray(40, 40 + 1028), step.cpu)).toBe(0);
  });

  it.each([
    ['nothing', 0],
    ['half a header', 20],
    ['no MTRR', 32],
  ])('is refused where Xen’s has %s', (_, length) => {
    expect(code(() => contextsToSet(step, PRETEND_CONTEXT.subarray(0, length)))).toBe('hvm-context');
  });
});
