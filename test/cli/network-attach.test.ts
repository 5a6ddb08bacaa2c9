import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { recordingTerminal } from './recording-terminal.ts';

/** Answers of xl 4.17.7 to `xl -N network-attach 0 WORD...`. */
interface Case {
  readonly kind: string;
  readonly input: readonly string[];
  readonly result: { readonly ok?: Record<string, unknown>; readonly error?: { readonly rc: number } };
}

const cases = readFileSync(join(import.meta.dirname, '../fixtures/config/vif.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter(({ kind }) => kind === 'vif');

/** Stock xl looks at six bytes of an address and drops what follows, here all other options. We do not. */
const addressAndMore = ([word = '']: readonly string[]): boolean => /^mac=.*,/.test(word);

async function xl(...words: string[]) {
  const terminal = recordingTerminal();
  const signal = new AbortController().signal;
  const status = await main(words, { terminal, environment: { XL_HOST: 'xen' }, signal });
  return { status, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

describe('xl -N network-attach prints what stock xl prints, or refuses what it refuses', () => {
  const same = cases.filter(({ input }) => !addressAndMore(input));
  test.each(same.map(({ input, result }) => [input, result] as const))('%j', async (input, { ok, error }) => {
    const { status, stdout, stderr } = await xl('-N', 'network-attach', '0', ...input);
    if (ok === undefined) expect({ status, stdout }).toEqual({ status: error!.rc, stdout: '' });
    else {
      expect({ status, stderr: /^error/m.test(stderr) }).toEqual({ status: 0, stderr: false });
      expect(stdout).toMatch(/^vif: \{[^]*\}\n\n$/);
      expect(JSON.parse(stdout.slice('vif: '.length))).toEqual(ok);
    }
  });
});

test('an address with further options in the same word is refused', async () => {
  const odd = cases.filter(({ input }) => addressAndMore(input));
  expect(odd).toHaveLength(1);
  const { status, stderr } = await xl('-N', 'network-attach', '0', ...odd[0]!.input);
  expect(status).toBe(1);
  expect(stderr).toContain("Invalid parameter `mac'.");
});

test('xl -N network-attach says the number only where it is said, and the keys in libxl’s order', async () => {
  const { stdout } = await xl('-N', 'network-attach', 'web', 'trusted', 'devid=3', 'bridge=br0', 'mac=0:16:3e:1:2:3');
  expect(stdout).toBe(`vif: {
    "devid": 3,
    "mac": "00:16:3e:01:02:03",
    "bridge": "br0",
    "trusted": "True"
}

`);
});

test('a wrong word is shown where it stands among the others', async () => {
  const { status, stderr } = await xl('network-attach', 'web', 'bridge=br0', 'mak=00:16:3e:01:02:03');
  expect(status).toBe(1);
  expect(stderr).toContain('at command line:1:12');
  expect(stderr).toContain('did you mean `mac`?');
});
