import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { parseDiskSpecs } from '../../lib/disk/parse.ts';

const fixtures = join(import.meta.dirname, '../fixtures/disk');

interface Answer {
  readonly disk?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly messages: readonly string[] };
}
interface CorpusCase {
  readonly id: string;
  readonly specs: readonly string[];
  readonly result: Answer;
  /** Where Xen 4.23 answers otherwise than 4.17. */
  readonly result_next?: Answer;
}
interface GeneratedCase {
  readonly specs: readonly string[];
  readonly disk?: Readonly<Record<string, unknown>>;
  readonly messages?: readonly string[];
}

function jsonLines<Case>(name: string): Case[] {
  const lines = readFileSync(join(fixtures, name), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Case);
}

/** libxl's field names, and without the field that 4.17 does not have. */
function asLibxl(specs: readonly string[]): Answer {
  try {
    const { grantUsage, ...disk } = parseDiskSpecs(specs, { dialect: 'xl' });
    expect(grantUsage).toBeNull();
    const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return { disk: Object.fromEntries(Object.entries(disk).map(([name, value]) => [snakeCase(name), value])) };
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    return { error: { messages: error.messages } };
  }
}

const verdictOf = ({ disk, error }: Answer): Answer =>
  error === undefined ? { ...(disk === undefined ? {} : { disk }) } : { error: { messages: error.messages } };

describe.each(['disk-visible.jsonl', 'disk-upstream.jsonl'])('in dialect xl, %s', (file) => {
  it.each(jsonLines<CorpusCase>(file))('$id $specs is read as libxlutil reads it', ({ specs, result, result_next }) => {
    expect(asLibxl(specs)).toEqual(verdictOf(result_next ?? result));
  });
});

// Specifications put together from the grammar's tokens and from the corpus with bytes changed, and what Debian's
// libxlutil 4.17.7 says to them: half of them accepted.
describe('in dialect xl, generated specifications', () => {
  const cases = jsonLines<GeneratedCase>('generated.jsonl');

  it('are six hundred, accepted and refused alike', () => {
    expect(cases.filter(({ disk }) => disk !== undefined)).toHaveLength(300);
    expect(cases.filter(({ messages }) => messages !== undefined)).toHaveLength(300);
  });

  it('are read as libxlutil reads them', () => {
    for (const { specs, disk, messages } of cases) {
      const expected = messages === undefined ? { disk } : { error: { messages } };
      expect(asLibxl(specs), JSON.stringify(specs)).toEqual(expected);
    }
  });
});

describe('what 4.17 does not know yet', () => {
  it.each([
    ['grant_usage=1,vdev=xvda,target=/a', true],
    ['grant_usage=0,vdev=xvda,target=/a', false],
    ['/a,raw,xvda,w,grant_usage=1,grant_usage=0', false],
  ])('%s sets grantUsage', (spec, value) => {
    expect(parseDiskSpecs([spec], { dialect: 'xl' }).grantUsage).toBe(value);
  });

  it('takes no other value of grant_usage: the key becomes a positional parameter and its = an error', () => {
    expect(() => parseDiskSpecs(['grant_usage=2,vdev=xvda'], { dialect: 'xl' })).toThrow('bad disk syntax');
  });
});
