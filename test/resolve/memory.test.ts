import { describe, expect, test } from 'vitest';
import type { XlError } from '../../lib/base/error.ts';
import { decodeDomain } from '../../lib/config/domain.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { resolve } from '../../lib/resolve/resolve.ts';
import type { Resolved } from '../../lib/resolve/resolved.ts';
import { factsOf, imageFile } from '../support/facts.ts';

const MIB = 1024;

function resolved(text: string, freeMemoryKiB?: number): Resolved {
  const source = 'test.cfg';
  const { config } = decodeDomain(parseConfig(text, { dialect: 'extended', source }), { source, dialect: 'extended' });
  const facts = factsOf({
    paths: { '/boot/vmlinuz': imageFile() },
    ...(freeMemoryKiB === undefined ? {} : { freeMemoryKiB }),
  });
  return resolve(config, facts, { uuid: '6d1f0f3a-0000-4000-8000-000000000001', mac: () => [1, 2, 3] });
}

const guest = (type: string, memory: string): string =>
  `type = "${type}"\nname = "g"\nkernel = "/boot/vmlinuz"\n${memory}\n`;

function refusal(text: string, free: number): XlError {
  try {
    resolved(text, free);
  } catch (error) {
    return error as XlError;
  }
  throw new Error('it was not refused');
}

describe('memory that Xen has not', () => {
  test('is refused before anything exists, with what was asked and what is free, at its line', () => {
    const error = refusal(guest('pv', 'memory = 4096'), 1000 * MIB + 5);
    expect(error).toMatchObject({ code: 'out-of-memory', exitCode: 3, where: { line: 4 } });
    expect(error.message).toBe('the domain needs 4096 MiB, and Xen has 1000 MiB free');
    expect(error.hint).toContain('xl mem-set');
  });

  test('counts the page tables of a translated guest', () => {
    expect(refusal(guest('pvh', 'memory = 512'), 512 * MIB).message).toBe(
      'the domain needs 512 MiB and 3 MiB for its page tables, and Xen has 512 MiB free',
    );
    expect(resolved(guest('pvh', 'memory = 512'), 515 * MIB).memory.pagingKiB).toBe(4 * (256 + 512));
  });

  test('is what the guest starts with, not what it may get later', () => {
    expect(resolved(guest('pv', 'memory = 512\nmaxmem = 4096'), 512 * MIB).memory.maxKiB).toBe(4096 * MIB);
  });

  test('is not looked for where nobody has asked Xen', () => {
    expect(resolved(guest('pv', 'memory = 999999')).memory.targetKiB).toBe(999_999 * MIB);
  });
});
