import { describe, expect, test } from 'vitest';
import type { MonitorCommand } from '../../lib/host/embedded/control.ts';
import { emulatedInstructions, hasBegun, proveKvm } from '../../lib/host/embedded/kvm-proof.ts';

const registers = (cr0: string, halted: 0 | 1): string =>
  `CPU#0\r\nEAX=000c3000\r\nEIP=000ea65f EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=${halted}\r\nCR0=${cr0} CR2=00000000\r\n`;
const BIOS = registers('00000011', 0);

describe('a guest under KVM has begun', () => {
  test.each([
    ['in its BIOS: no', BIOS, false],
    ['with paging on: yes', registers('80050033', 0), true],
    ['halted, as a boot menu is: yes', registers('00000011', 1), true],
    ['when QEMU says something else: no', 'nothing', false],
    ['when QEMU says nothing: no', null, false],
  ])('%s', (_, answer, begun) => {
    expect(hasBegun(answer)).toBe(begun);
  });
});

test('the count of emulated instructions is read from query-stats, where there is one', () => {
  const stats = [
    { name: 'exits', value: 5 },
    { name: 'insn_emulation', value: 2_526_500 },
  ];
  expect(emulatedInstructions([{ provider: 'kvm', stats }])).toBe(2_526_500);
  expect(
    [null, [], [{ stats: [] }], [{ stats: [{ name: 'insn_emulation', value: [1] }] }]].map(emulatedInstructions),
  ).toEqual(Array(4).fill(null));
});

describe('the proof', () => {
  /** Answers with these registers, one after the other, the last for ever. */
  function machine(
    answers: readonly string[],
    { status = 'running', emulated = 0 }: { status?: string; emulated?: number | null } = {},
  ) {
    let asked = 0;
    const waits: number[] = [];
    const execute = (commands: readonly MonitorCommand[]): Promise<unknown[]> =>
      Promise.all(
        commands.map((command): unknown => {
          switch (command.execute) {
            case 'query-status':
              return { status };
            case 'query-stats':
              if (emulated === null) throw new Error('CommandNotFound');
              return [{ provider: 'kvm', stats: [{ name: 'insn_emulation', value: emulated }] }];
            default:
              return answers[Math.min(asked++, answers.length - 1)];
          }
        }),
      );
    const sleep = (ms: number): Promise<void> => {
      waits.push(ms);
      return Promise.resolve();
    };
    return { waits, proof: () => proveKvm(async (commands) => execute(commands), sleep) };
  }

  test('ends as soon as the guest has begun', async () => {
    const { waits, proof } = machine([BIOS, BIOS, registers('80050033', 0)]);
    await proof();
    expect(waits).toHaveLength(3);
  });

  test('fails, and names the way out, where all is emulated for ten seconds', async () => {
    const { waits, proof } = machine([BIOS], { emulated: 6_000_000 });
    await expect(proof()).rejects.toMatchObject({
      code: 'kvm-failed',
      hint: expect.stringContaining('XL_ACCEL=tcg') as string,
    });
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(10_000);
  });

  test('lets a guest be that KVM runs well but that never turns paging on', async () => {
    await expect(machine([BIOS], { emulated: 20_000 }).proof()).resolves.toBeUndefined();
    await expect(machine([BIOS], { emulated: null }).proof()).resolves.toBeUndefined();
  });

  test('fails at once where QEMU has given up', async () => {
    const { waits, proof } = machine([BIOS], { status: 'internal-error' });
    await expect(proof()).rejects.toMatchObject({ code: 'kvm-failed' });
    expect(waits).toHaveLength(1);
  });
});
