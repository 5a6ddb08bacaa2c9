import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../cli/completion.ts';

/** What bash offers for a command line whose last word is being typed. */
function offers(...words: string[]): string[] {
  const script = [
    completionScript('bash'),
    'xl() { printf "%s\\n" "Name ID" "web 1" "db 2"; }',
    `COMP_WORDS=(xl ${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length}`,
    '_xl 2>/dev/null',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n');
  const { stdout, status, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it.each([
    { words: ['cr'], offered: ['create'] },
    { words: ['block-'], offered: ['block-attach', 'block-list', 'block-detach'] },
    { words: ['-v', 'li'], offered: ['list'] },
    { words: ['disk', ''], offered: ['explain', 'probe'] },
    { words: ['destroy', ''], offered: ['web', 'db'] },
    { words: ['destroy', '-f', 'w'], offered: ['web'] },
    { words: ['create', '--format', ''], offered: ['text', 'qemu', 'xenstore', 'json'] },
    { words: ['create', '--str'], offered: ['--strict'] },
    { words: ['disk', 'explain', '--ty'], offered: ['--type'] },
    { words: ['list', '--host', 'e'], offered: ['embedded'] },
  ])('offers $offered after $words', ({ words, offered }) => {
    expect(offers(...words)).toEqual(offered);
  });

  it('knows nothing of commands that are not for users', () => {
    expect(completionScript('zsh')).not.toMatch(/daemon|hotplug/);
  });
});
