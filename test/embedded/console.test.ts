import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BACKLOG_BYTES, Console } from '../../lib/host/embedded/console.ts';
import { until } from './support/host.ts';

let directory: string;
let guestSide: Server;
let guest: Socket;
let served: Console;
const path = (name: string): string => join(directory, name);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xl-ts-console-'));
  guestSide = createServer();
  guestSide.listen(path('machine'));
  await once(guestSide, 'listening');
  served = await Console.serve(path('console'), path('log'));
  const connected = once(guestSide, 'connection') as Promise<[Socket]>;
  await served.attach(path('machine'));
  [guest] = await connected;
  guest.on('error', () => guest.destroy());
});

afterEach(async () => {
  guest.destroy();
  await served.close();
  guestSide.close();
  await rm(directory, { recursive: true });
});

interface Listener {
  readonly socket: Socket;
  heard: string;
  ended: boolean;
}

async function listen(): Promise<Listener> {
  const socket = createConnection(path('console'));
  const listener: Listener = { socket, heard: '', ended: false };
  socket.on('data', (bytes: Buffer) => (listener.heard += bytes.toString()));
  socket.on('end', () => (listener.ended = true));
  await once(socket, 'connect');
  return listener;
}

const hears = (listener: Listener, words: string): Promise<void> =>
  until(`somebody heard ${words}`, () => Promise.resolve(listener.heard.includes(words)));

test('who comes late hears what was said before, then the rest, and all hear the same', async () => {
  guest.write('before ');
  await until('it was said', async () => (await readFile(path('log'), 'utf8')) === 'before ');
  const first = await listen();
  const second = await listen();
  await hears(first, 'before ');
  guest.write('after');
  await hears(second, 'after');
  await hears(first, 'after');
  expect([first.heard, second.heard]).toEqual(['before after', 'before after']);
  first.socket.destroy();
  second.socket.destroy();
});

test('what anybody types reaches the guest', async () => {
  const [first, second] = [await listen(), await listen()];
  let typed = '';
  guest.on('data', (bytes: Buffer) => (typed += bytes.toString()));
  first.socket.write('a');
  await until('the guest got a', () => Promise.resolve(typed === 'a'));
  second.socket.write('b');
  await until('the guest got b', () => Promise.resolve(typed === 'ab'));
  first.socket.destroy();
  second.socket.destroy();
});

test('listeners get the guest’s last words and then the end', async () => {
  const listener = await listen();
  guest.end('Power down\n');
  await served.close();
  await until('the end came', () => Promise.resolve(listener.ended));
  expect(listener.heard).toBe('Power down\n');
  await expect(stat(path('console'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a listener that does not read is dropped; the guest and the others go on', async () => {
  const [slow, quick] = [await listen(), await listen()];
  slow.socket.pause();
  const piece = Buffer.alloc(256 * 1024, 'x');
  for (let count = 0; count < 40; count += 1) {
    if (!guest.write(piece)) await once(guest, 'drain');
  }
  guest.write('the end');
  await hears(quick, 'the end');
  expect(quick.heard).toHaveLength(40 * piece.length + 'the end'.length);
  let got = 0;
  slow.socket.on('data', (bytes: Buffer) => (got += bytes.length));
  slow.socket.resume();
  await once(slow.socket, 'close');
  expect(got).toBeLessThan(quick.heard.length);
  quick.socket.destroy();
  const late = await listen();
  await hears(late, 'the end');
  expect(late.heard).toHaveLength(BACKLOG_BYTES);
  late.socket.destroy();
});

test('the log and the socket are the owner’s alone', async () => {
  const modes = await Promise.all([path('log'), path('console')].map(async (name) => (await stat(name)).mode & 0o777));
  expect(modes).toEqual([0o600, 0o600]);
});
