import { execFileSync } from 'node:child_process';
import { lstat, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { dialFirst, xenstorePaths } from '../../lib/xenstore/dial.ts';
import { StoreServer } from '../../lib/xenstore/server.ts';
import { StoreServerCore } from '../../lib/xenstore/store/core.ts';
import { connectInProcess } from '../../lib/xenstore/store/serve.ts';
import { connectSocket, temporaryDirectory } from './support/daemon.ts';
import { RawConnection } from './support/raw.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory, 'socket');
});
afterEach(() => rm(directory, { recursive: true }));

describe('the server’s socket', () => {
  test('is the owner’s alone, and is gone when the server closes', async () => {
    const before = process.umask(0o022);
    const server = await StoreServer.listen(new StoreServerCore(), path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(process.umask(before)).toBe(0o022);
    await server.close();
    await expect(lstat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('takes the place of one that a dead server left behind', async () => {
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(directory, 'elsewhere'), resolve));
    // Node removes the socket of a server that it closes, by its path: under another name it stays, as after a crash.
    await rename(join(directory, 'elsewhere'), path);
    await new Promise((resolve) => dead.close(resolve));
    expect((await lstat(path)).isSocket()).toBe(true);
    const server = await StoreServer.listen(new StoreServerCore(), path);
    const client = await XenstoreClient.connect({ path });
    expect(await client.directory('/')).toEqual(['tool']);
    client.close();
    await server.close();
  });

  test('does not take the place of a server that answers, of a file, or of a link', async () => {
    const server = await StoreServer.listen(new StoreServerCore(), path);
    await expect(StoreServer.listen(new StoreServerCore(), path)).rejects.toMatchObject({ code: 'socket-in-use' });
    await server.close();
    await writeFile(path, 'precious');
    await expect(StoreServer.listen(new StoreServerCore(), path)).rejects.toMatchObject({ code: 'socket-path-taken' });
    await rm(path);
    await symlink('/dev/null', path);
    await expect(StoreServer.listen(new StoreServerCore(), path)).rejects.toMatchObject({ code: 'socket-path-taken' });
  });

  test('says which path is too long, and which cannot be', async () => {
    const long = join(directory, 'x'.repeat(120));
    await expect(StoreServer.listen(new StoreServerCore(), long)).rejects.toMatchObject({
      code: 'socket-path-too-long',
    });
    await expect(StoreServer.listen(new StoreServerCore(), '/no/such/directory/s')).rejects.toMatchObject({
      code: 'socket-failed',
    });
  });
});

describe('a slow or odd client', () => {
  test('that does not read its replies is not read from, and loses nothing', async () => {
    const core = new StoreServerCore();
    const server = await StoreServer.listen(core, path);
    const slow = await connectSocket({ path });
    const client = await XenstoreClient.connect({ socket: slow });
    await client.write('/big', 'v'.repeat(4000));
    slow.pause();
    const reads = Array.from({ length: 2000 }, () => client.readText('/big'));
    await sleep(50);
    slow.resume();
    expect(new Set(await Promise.all(reads))).toEqual(new Set(['v'.repeat(4000)]));
    client.close();
    await server.close();
  });

  test('that does not take its events is cut off when too many wait, and the others go on', async () => {
    const core = new StoreServerCore({ maxQueuedBytes: 100_000 });
    const server = await StoreServer.listen(core, path);
    const slow = new RawConnection(await connectSocket({ path }));
    await slow.request('WATCH', '/\0t\0');
    slow.stream.pause();
    const client = await XenstoreClient.connect({ path });
    for (let round = 0; round < 15; round++) {
      const names = Array.from({ length: 500 }, (_, index) => `/${round}/${index}/${'x'.repeat(60)}`);
      await Promise.all(names.map((name) => client.mkdir(name)));
    }
    expect(core.watches.matching('/', true)).toEqual([]);
    expect(await client.directory('/14')).toHaveLength(500);
    slow.destroy();
    client.close();
    await server.close();
  });

  test('that hears of one path again and again has one event waiting', () => {
    const core = new StoreServerCore({ maxQueuedBytes: 1000 });
    const watcher = core.connect({ domid: 0 });
    core.watches.add(watcher, '/a', 't', 0);
    for (let round = 0; round < 10_000; round++) core.fire({ path: '/a', exact: false });
    expect(watcher.closed).toBe(false);
    expect(watcher.take()).toHaveLength(1);
  });

  test('that speaks another protocol is cut off', async () => {
    const server = await StoreServer.listen(new StoreServerCore(), path);
    const stranger = new RawConnection(await connectSocket({ path }));
    expect(await stranger.send(Buffer.from('GET / HTTP/1.1\r\nHost: xenstore\r\n\r\n'))).toBe('closed');
    await server.close();
  });

  test('that goes away leaves no watch and no transaction behind', async () => {
    const core = new StoreServerCore();
    const server = await StoreServer.listen(core, path);
    const passing = new RawConnection(await connectSocket({ path }));
    await passing.request('WATCH', '/\0t\0');
    await passing.request('TRANSACTION_START', '\0');
    passing.destroy();
    while (core.watches.matching('/', true).length > 0) await sleep(1);
    await server.close();
  });
});

describe('a store in this process', () => {
  test('is spoken to like one behind a socket', async () => {
    const core = new StoreServerCore();
    const client = await XenstoreClient.connect({ socket: connectInProcess(core) });
    await client.transaction((transaction) => transaction.write('/a', '1'));
    const watch = client.watch('/a');
    expect((await watch.next()).value).toEqual({ kind: 'changed', path: '/a' });
    const long = await Promise.all(Array.from({ length: 300 }, () => client.readText('/a')));
    expect(new Set(long)).toEqual(new Set(['1']));
    client.close();
    while (core.watches.matching('/a', true).length > 0) await sleep(1);
  });

  test('ends a domain’s connection when the domain goes', async () => {
    const core = new StoreServerCore();
    core.introduce(5);
    const client = await XenstoreClient.connect({ socket: connectInProcess(core, 5) });
    await expect(client.read('/tool')).rejects.toMatchObject({ code: 'xenstore-eacces' });
    core.release(5);
    await expect(client.read('/tool')).rejects.toMatchObject({ code: 'xenstore-gone' });
  });
});

describe('finding the store', () => {
  test('XENSTORED_PATH names it; else the run directory’s socket, then the devices', () => {
    expect(xenstorePaths({ XENSTORED_PATH: '/x', XENSTORED_RUNDIR: '/y' })).toEqual(['/x']);
    expect(xenstorePaths({ XENSTORED_RUNDIR: '/y' })).toEqual(['/y/socket', '/dev/xen/xenbus', '/proc/xen/xenbus']);
    expect(xenstorePaths({})[0]).toBe('/var/run/xenstored/socket');
  });

  test('the error names every path that was tried, and why it failed', async () => {
    const nothing = join(directory, 'nothing');
    await mkdir(join(directory, 'folder'));
    await expect(dialFirst([nothing, join(directory, 'folder')])).rejects.toMatchObject({
      code: 'xenstore-unreachable',
      evidence: [{ lines: [expect.stringContaining('ENOENT'), expect.stringContaining('EISDIR')] as unknown[] }],
    });
    await expect(XenstoreClient.connect({ path: nothing })).rejects.toMatchObject({ code: 'xenstore-unreachable' });
  });

  test('the first path that works is taken', async () => {
    const server = await StoreServer.listen(new StoreServerCore(), path);
    const { socket, peer } = await dialFirst([join(directory, 'nothing'), path]);
    expect(peer).toBe(path);
    socket.destroy();
    await server.close();
  });

  test('a device is read and written as a stream, and closing it does not wait for a message that never comes', async () => {
    // A FIFO opened for both gives back what is written to it: the answer to a READ is then its own path.
    execFileSync('mkfifo', [path]);
    const client = await XenstoreClient.connect({ path });
    expect(await client.readText('/a')).toBe('/a\0');
    const { socket } = await dialFirst([path]);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.destroy();
    await closed;
    client.close();
  });

  test('an aborted attempt ends with the signal’s reason', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(XenstoreClient.connect({ path, signal })).rejects.toThrow('enough');
  });
});

describe('a client that connects again', () => {
  test('fails what waited, and sets its watches anew on the next server', async () => {
    const first = await StoreServer.listen(new StoreServerCore(), path);
    const client = await XenstoreClient.connect({ path, reconnect: true });
    const watch = client.watch('/w');
    expect((await watch.next()).value).toEqual({ kind: 'changed', path: '/w' });
    await first.close();
    while (!(await fails(client))) await sleep(1);
    await expect(client.read('/')).rejects.toMatchObject({ code: 'xenstore-gone' });

    const second = await StoreServer.listen(new StoreServerCore(), path);
    expect((await watch.next()).value).toEqual({ kind: 'changed', path: '/w' });
    await client.write('/w/x', '');
    expect((await watch.next()).value).toEqual({ kind: 'changed', path: '/w/x' });
    client.close();
    await second.close();
  });

  test('stops trying when it is closed', async () => {
    const server = await StoreServer.listen(new StoreServerCore(), path);
    const client = await XenstoreClient.connect({ path, reconnect: true });
    await server.close();
    while (!(await fails(client))) await sleep(1);
    client.close();
    const again = await StoreServer.listen(new StoreServerCore(), path);
    await sleep(60);
    await expect(client.read('/')).rejects.toMatchObject({ code: 'xenstore-gone' });
    await again.close();
  });
});

const fails = (client: XenstoreClient): Promise<boolean> =>
  client.read('/').then(
    () => false,
    () => true,
  );
