import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { executeAll } from '../../lib/qemu/monitors.ts';
import { QmpClient } from '../../lib/qemu/qmp-client.ts';
import { haveQemu, qemuBinary, startQemu, temporaryDirectory, type RunningQemu } from './real-qemu.ts';

const wait = { timeoutMs: 15_000 };

describe.runIf(haveQemu())('the monitor of a real QEMU', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let qemu: RunningQemu;
  let socket: string;

  beforeEach(async () => {
    directory = temporaryDirectory();
    socket = join(directory.path, 'qmp');
    const quiet = ['-machine', 'none', '-nodefaults', '-display', 'none'];
    qemu = await startQemu([qemuBinary, ...quiet, '-qmp', `unix:${socket},server=on,wait=off`], socket);
  });
  afterEach(async () => {
    await qemu.stop();
    directory.remove();
  });

  test('says its version and answers overlapping commands, the longest included', async () => {
    expect(qemu.client.version).toMatch(/^\d+\.\d+\.\d+$/);
    const names = ['query-name', 'query-qmp-schema', 'query-status'];
    const [name, schema, status] = await Promise.all(names.map((command) => qemu.client.execute(command, {}, wait)));
    expect(name).toEqual({});
    expect((schema as unknown[]).length).toBeGreaterThan(100);
    expect(status).toHaveProperty('status');
  });

  test('refuses what it does not know by its error class', async () => {
    const unknown = qemu.client.execute('no-such-command', undefined, wait);
    await expect(unknown).rejects.toMatchObject({ code: 'qmp-command-not-found' });
    const missing = qemu.client.execute('device_del', { id: 'nothing' }, wait);
    await expect(missing).rejects.toMatchObject({ code: 'qmp-device-not-found' });
    const wrong = qemu.client.execute('device_del', { name: 'nothing' }, wait);
    await expect(wrong).rejects.toMatchObject({ code: 'qmp-generic-error' });
  });

  test('announces its end, and then is gone', async () => {
    const end = qemu.client.nextEvent(({ name }) => name === 'SHUTDOWN', 'the shutdown', wait);
    await qemu.client.execute('quit', undefined, wait);
    expect((await end).data).toMatchObject({ reason: 'host-qmp-quit' });
    expect(await qemu.client.closed).toMatchObject({ code: 'qmp-gone' });
  });

  test('talks to one client at a time, to the next when the first has left', async () => {
    await expect(QmpClient.connect(socket, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'qmp-timeout' });
    qemu.client.close();
    const { signal } = new AbortController();
    const commands = [{ execute: 'query-name' }, { execute: 'query-kvm' }];
    expect(await executeAll(socket, commands, { ...wait, signal })).toHaveLength(2);
  });
});
