import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectRunning, listDomains, stopHost } from '../../lib/host/embedded/start.ts';
import { whyNoGuest } from './support/guest.ts';
import { create, isRunning, PVH_CMDLINE, TestHost, until } from './support/host.ts';

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.make();
});

afterEach(async () => {
  await host.remove();
});

const soon = (): AbortSignal => AbortSignal.timeout(10_000);

describe('the daemon', () => {
  test('is started by the first command and found by the next', async () => {
    expect(await connectRunning(host.dir, soon())).toBeNull();
    const first = await host.connect();
    const second = await host.connect();
    expect(second.status.pid).toBe(first.status.pid);
    expect(await isRunning(first.status.pid)).toBe(true);
  });

  test('is one, however many commands start it at the same time', async () => {
    const connections = await Promise.all(Array.from({ length: 4 }, () => host.connect()));
    const pids = new Set(connections.map(({ status }) => status.pid));
    expect(pids.size).toBe(1);
  });

  test('ends on request, and a command right after that starts a new one', async () => {
    const first = await host.connect();
    await stopHost(first, soon());
    const second = await host.connect();
    expect(second.status.pid).not.toBe(first.status.pid);
  });

  test('serves a store that Xen’s own tools read', async () => {
    const { dir } = await host.connect();
    const env = { ...process.env, XENSTORED_PATH: dir.xenstored };
    const { stdout } = await promisify(execFile)('xenstore-read', ['/local/domain/0/name'], { env });
    expect(stdout).toBe('Domain-0\n');
  });

  test('answers broken requests and goes on', async () => {
    const { dir, control } = await host.connect();
    const socket = createConnection(dir.control);
    await once(socket, 'connect');
    let answers = '';
    socket.on('data', (bytes: Buffer) => (answers += bytes.toString()));
    socket.write('no json\n{"id":1,"op":"dance"}\n{"id":2,"op":"kill","pid":0}\n{"id":3,"op":"list"}\n');
    await until('four answers came', () => Promise.resolve(answers.split('\n').length === 5));
    const byId = new Map(
      answers
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: number | null; result?: unknown; error?: { code: string } })
        .map((answer) => [answer.id, answer]),
    );
    expect(byId.get(null)?.error?.code).toBe('control-bad-request');
    expect(byId.get(1)?.error?.code).toBe('control-bad-request');
    expect(byId.get(2)?.error?.code).toBe('control-bad-request');
    expect(byId.get(3)?.result).toEqual([]);
    socket.destroy();
    await expect(
      control.ask({ op: 'hypercall', call: { op: 'unpausedomain', domid: '77' } }, soon()),
    ).rejects.toMatchObject({ code: 'domain-not-found' });
  });

  test('says why it cannot start', async () => {
    const { root } = host.dir;
    await writeFile(host.daemon[1]!, 'console.error("no leg to stand on"); process.exit(3);');
    await expect(host.connect()).rejects.toMatchObject({
      code: 'host-start-failed',
      evidence: [{ title: `${root}/log/daemon.log`, lines: ['no leg to stand on'] }],
    });
  });
});

describe.skipIf(whyNoGuest !== null)('a killed daemon', () => {
  test('leaves machines that the next command ends, and tells of', async () => {
    const first = await host.connect();
    const domid = await create(first, {
      name: 'orphan',
      type: 'pvh',
      uuid: '00000000-0000-4000-8000-000000000011',
      disks: [],
      cmdline: PVH_CMDLINE,
    });
    const pid = Number(await first.store.readText(`/local/domain/${domid}/image/device-model-pid`));
    process.kill(first.status.pid, 'SIGKILL');
    await first.control.closed;
    expect(await isRunning(pid)).toBe(true);

    const second = await host.connect();
    expect(second.status.lost).toEqual([{ domid, name: 'orphan', killed: true }]);
    expect(await isRunning(pid)).toBe(false);
    expect(await listDomains(second)).toEqual([]);
    const left = (await readdir(host.dir.root)).filter((name) => /^(qmp|machine|console)-/.test(name));
    expect(left).toEqual([]);
    expect((await host.connect()).status.lost).toEqual([]);

    expect(Number(await readFile(host.dir.nextDomid, 'utf8'))).toBeGreaterThan(domid);
  });

  test('does not make the next one kill a stranger that has the pid by now', async () => {
    const first = await host.connect();
    process.kill(first.status.pid, 'SIGKILL');
    await first.control.closed;
    const stranger = execFile('sleep', ['60']);
    const note = { domid: 5, name: 'old', pid: stranger.pid, startTime: '1', marker: `${host.dir.root}/qmp-libxl-5` };
    await writeFile(`${host.dir.machines}/5.json`, JSON.stringify(note));
    const second = await host.connect();
    expect(second.status.lost).toEqual([{ domid: 5, name: 'old', killed: false }]);
    expect(await isRunning(stranger.pid!)).toBe(true);
    stranger.kill('SIGKILL');
  });
});
