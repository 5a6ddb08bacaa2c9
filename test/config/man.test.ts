import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyTable } from '../../lib/config/keys.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'xl-man-'));
const hasMan = spawnSync('man', ['--version']).status === 0;
if (!hasMan) console.log('the pages are not rendered: man is not installed (apt install man-db groff-base)');

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/man.mjs'), folder]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const page = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('the manual', () => {
  test('has a page for the command and for each kind of file', () => {
    expect(readdirSync(folder).sort()).toEqual(['xl-disk-configuration.5', 'xl-dscow.1', 'xl.1', 'xl.cfg.5']);
  });

  test('names every key', () => {
    const text = page('xl.cfg.5');
    expect([...keyTable.keys()].filter((name) => !text.includes(`\\fB${name}\\fR`))).toEqual([]);
  });

  test('leaves no placeholder', () => {
    for (const name of readdirSync(folder)) expect(page(name)).not.toMatch(/\{\{|undefined|\[object/);
  });

  test.runIf(hasMan).each(['xl-disk-configuration.5', 'xl.1', 'xl.cfg.5'])(
    '%s is rendered without a warning',
    (name) => {
      for (const width of ['60', '80', '132']) {
        const env = { ...process.env, MANWIDTH: width, LC_ALL: 'C.UTF-8' };
        const { status, stdout, stderr } = spawnSync('man', ['-l', '--warnings=all', join(folder, name)], { env });
        expect([status, stderr.toString()]).toEqual([0, '']);
        expect(stdout.toString()).toContain('SEE ALSO');
      }
    },
  );
});
