import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../cli/main.ts';
import { recordingTerminal } from './recording-terminal.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'xl-ts-cli-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a command line as a user would, without a host. */
async function xl(...words: string[]) {
  const terminal = recordingTerminal();
  const status = await main(words, {
    terminal,
    environment: { XL_HOST: 'xen' },
    signal: new AbortController().signal,
  });
  return { status, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('xl', () => {
  it('alone prints the help and ends with status 1', async () => {
    const { status, stdout } = await xl();
    expect(status).toBe(1);
    expect(stdout).toContain('xl full list of subcommands:');
  });

  it.each([['help'], ['-h'], ['--help']])('%s prints the help and ends with status 0', async (word) => {
    expect(await xl(word)).toMatchObject({ status: 0, stderr: '' });
  });

  it.each(['nosuch', 'block', 'd', ''])('refuses the command "%s" in xl’s words', async (word) => {
    const { status, stdout, stderr } = await xl(word, 'x');
    expect(stderr.split('\n')[0]).toBe('command not implemented');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  it('says which commands an ambiguous beginning may mean', async () => {
    expect((await xl('block')).stderr).toContain('block-attach, block-list, block-detach');
  });

  it('takes any beginning that no other command shares', async () => {
    expect((await xl('vers')).stdout).toMatch(/^xl-ts \d/);
    expect((await xl('he', 'cr')).stdout).toMatch(/^Usage: xl \[-v\] create /);
  });

  it('refuses too few words with xl’s sentence, the help on stdout and status 2', async () => {
    const { status, stdout, stderr } = await xl('block-attach', 'web');
    expect(stderr).toBe("'xl block-attach' requires at least 2 arguments.\n\n");
    expect(stdout).toMatch(/^Usage: xl \[-v\] block-attach /);
    expect(status).toBe(2);
  });

  it('refuses an unknown option with status 2', async () => {
    const { status, stderr } = await xl('list', '-X');
    expect(stderr.split('\n')[0]).toBe("option `X' not supported.");
    expect(status).toBe(2);
  });

  it('refuses -N where there is no plan', async () => {
    const { status, stderr } = await xl('-N', 'list');
    expect(stderr).toBe('command does not implement -N (dryrun) option\n');
    expect(status).toBe(1);
  });

  it('says of an unknown command to be helped with that it is none, on stdout, with status 0', async () => {
    const { status, stdout } = await xl('help', 'nosuch');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'command "nosuch" not implemented\n' });
  });

  it('explains each command, and two-word commands too', async () => {
    expect((await xl('disk', 'explain', '--help')).stdout).toMatch(/^Usage: xl \[-v\] disk explain /);
    expect((await xl('disk')).stderr).toContain('"disk" is followed by explain, probe');
  });

  it('begins each line of the talk with the time after -T', async () => {
    const { stderr } = await xl(
      '-T',
      'create',
      '-n',
      file('t.cfg', 'name = "t"\ntype = "pvh"\nkernel = "/dev/null"\n'),
    );
    expect(stderr).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \[\d+\] Parsing config from /);
  });

  it('gives errors as JSON with --json', async () => {
    const { status, stderr } = await xl('--json', 'create', join(directory, 'missing.cfg'));
    expect(status).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'config-unreadable', exitCode: 3 } });
  });

  it.skipIf(existsSync('/sys/hypervisor/version'))('says that there is no Xen where there is none', async () => {
    const { status, stderr } = await xl('list');
    expect(status).toBe(1);
    expect(stderr).toContain('no Xen runs on this machine');
  });
});

describe('xl create', () => {
  const minimal = 'name = "guest"\ntype = "pvh"\nmemory = 64\nuuid = "11111111-2222-3333-4444-555555555555"\n';

  it('without a file ends with status 6', async () => {
    const { status, stderr } = await xl('create');
    expect(stderr).toContain('Config file not specified and none in save file');
    expect(status).toBe(6);
  });

  it('with two files ends with status 2', async () => {
    expect((await xl('create', 'a', 'b')).status).toBe(2);
  });

  it('with a file that cannot be read ends with status 3 and xl’s words', async () => {
    const path = join(directory, 'missing.cfg');
    const { status, stderr } = await xl('create', path);
    expect(stderr).toContain(`Failed to read config file: ${path}: No such file or directory`);
    expect(status).toBe(3);
  });

  it('with a broken file ends with status 1 and shows the place', async () => {
    const { status, stderr } = await xl('create', file('broken.cfg', 'name = "x"\nmemory = = 3\n'));
    expect(status).toBe(1);
    expect(stderr).toContain('broken.cfg:2:');
    expect(stderr).toContain('2 | memory = = 3');
  });

  it.each(['-n', '--dry-run', '--plan'])('prints the plan on stdout with %s, all talk on stderr', async (option) => {
    const kernel = file('vmlinuz', 'kernel');
    const { status, stdout, stderr } = await xl('create', option, file('a.cfg', `${minimal}kernel = "${kernel}"\n`));
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Parsing config from /);
    expect(stdout).toMatch(/^create guest\n/);
    expect(stdout).toContain('PVH, 64 MiB, 1 vcpu, 11111111-2222-3333-4444-555555555555');
    expect(stdout).toContain('hypercall  createdomain type=pvh');
  });

  it.each([
    ['-N', 'create'],
    ['create', '-N'],
    ['create', '--dryrun'],
  ])(
    'says with %s %s how it has understood a file, as xl does, and looks at nothing that it names',
    async (...words) => {
      const config = `${minimal}kernel = "/nowhere"\nuuid = "11111111-2222-3333-4444-555555555555"\nnomigrate = 1\n`;
      const { status, stdout, stderr } = await xl(...words, '-q', file('a.cfg', config));
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      // The line by which Xen's own `xendomains` finds the name.
      expect(stdout).toMatch(/^ {8}"name": "guest",$/m);
      expect(stdout).toContain('        "arch_arm": {\n\n        },\n');
      expect(JSON.parse(stdout)).toMatchObject({ b_info: { kernel: '/nowhere', disable_migrate: 'True' } });
    },
  );

  it('says which keys the JSON lacks', async () => {
    const { status, stderr } = await xl('create', '-N', '-q', file('a.cfg', `${minimal}kernel = "/k"\ncpus = "1"\n`));
    expect(status).toBe(0);
    expect(stderr).toContain('`cpus` is not in the JSON');
  });

  it('adds key=value words to the configuration, and takes /dev/null as an empty one', async () => {
    const words = ['name="other"', 'type="pvh"', 'memory=32', `kernel="${file('vmlinuz', 'kernel')}"`];
    const { status, stdout } = await xl('create', '--plan', '/dev/null', ...words);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^create other\n/);
    expect(stdout).toContain('PVH, 32 MiB');
  });

  it('fills holes that the user assumes to know', async () => {
    const config = file('b.cfg', `${minimal}kernel = "${file('vmlinuz', 'kernel')}"\n`);
    const { stdout } = await xl('create', '--assume', 'domid=7', '--format', 'xenstore', config);
    expect(stdout).toContain('/local/domain/7/name = "guest"   (n0,r7)\n');
    expect(stdout).not.toContain('${domid}');
  });

  it('prints one JSON document with --format json', async () => {
    const config = file('c.cfg', `${minimal}kernel = "${file('vmlinuz', 'kernel')}"\n`);
    const { stdout } = await xl('create', '--format', 'json', config);
    const plan = JSON.parse(stdout) as { schema: number; title: string; steps: { id: string }[] };
    expect(plan).toMatchObject({ schema: 1, title: 'create guest' });
    expect(plan.steps[0]?.id).toBe('create');
  });
});
