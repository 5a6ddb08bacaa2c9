import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { startOurs } from './support/daemon.ts';
import type { Daemon } from './support/daemon.ts';

const installed = existsSync('/usr/bin/xenstore-ls');
if (!installed) console.warn('skipped: Xen’s own tools on our store: xenstore-utils is not installed');

describe.skipIf(!installed)('Xen’s own tools on our store', () => {
  let daemon: Daemon;
  let client: XenstoreClient;
  beforeEach(async () => {
    daemon = await startOurs();
    client = await XenstoreClient.connect({ path: daemon.path });
  });
  afterEach(async () => {
    client.close();
    await daemon.stop();
  });

  function start(tool: string, ...args: string[]) {
    const child = spawn(`/usr/bin/xenstore-${tool}`, args, { env: { ...process.env, XENSTORED_PATH: daemon.path } });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { child, exited, output: () => output };
  }

  async function run(tool: string, ...args: string[]): Promise<{ status: number | null; output: string }> {
    const { exited, output } = start(tool, ...args);
    return { status: await exited, output: output() };
  }

  test('write, read, exists, list and rm agree with the client', async () => {
    expect(await run('write', '/a/b', 'one', '/a/c', 'two words')).toEqual({ status: 0, output: '' });
    expect(await client.readText('/a/c')).toBe('two words');
    expect(await run('read', '/a/b', '/a/c')).toEqual({ status: 0, output: 'one\ntwo words\n' });
    expect(await run('list', '/a')).toEqual({ status: 0, output: 'b\nc\n' });
    expect(await run('list', '-p', '/a')).toEqual({ status: 0, output: '/a/b\n/a/c\n' });
    expect((await run('exists', '/a/b')).status).toBe(0);
    expect((await run('exists', '/a/x')).status).toBe(1);
    expect((await run('rm', '/a')).status).toBe(0);
    expect(await run('read', '/a/b')).toMatchObject({ status: 1, output: /couldn't read path \/a\/b/ });
    expect((await run('rm', '/a/b')).status).toBe(1);
  });

  test('chmod sets what the client sees, and ls -f -p shows the tree with its permissions', async () => {
    daemon.makeDomain(5);
    await client.write('/a/b', 'value');
    expect(await run('chmod', '/a/b', 'n0', 'r5')).toEqual({ status: 0, output: '' });
    expect(await client.getPerms('/a/b')).toEqual([
      { domid: 0, access: 'none' },
      { domid: 5, access: 'read' },
    ]);
    const { output } = await run('ls', '-f', '-p', '/a');
    expect(output.replace(/ +/g, ' ')).toBe('/a/b = "value" (n0,r5)\n');
    expect((await run('ls')).output).toBe('tool = ""\n xenstored = ""\na = ""\n b = "value"\n');
  });

  test('ls shows a directory that no single message can hold', async () => {
    const names = Array.from({ length: 500 }, (_, index) => `${index}-${'x'.repeat(30)}`);
    await Promise.all(names.map((name) => client.mkdir(`/d/${name}`)));
    const { output } = await run('list', '/d');
    expect(output.trim().split('\n')).toHaveLength(500);
  });

  test('watch tells of a change', async () => {
    const { child, exited, output } = start('watch', '-n', '2', '/w');
    while (!output().includes('/w')) await new Promise((resolve) => child.stdout.once('data', resolve));
    await client.write('/w/x', '1');
    expect(await exited).toBe(0);
    expect(output()).toBe('/w\n/w/x\n');
  });

  test('tools at the same time wait for nothing but each other’s conflicts', async () => {
    const writers = Array.from({ length: 8 }, (_, index) => run('write', `/same/${index}`, `${index}`));
    expect((await Promise.all(writers)).map(({ status }) => status)).toEqual(Array(8).fill(0));
    expect(await client.directory('/same')).toHaveLength(8);
  });
});
