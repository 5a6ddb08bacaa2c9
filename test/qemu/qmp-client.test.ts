import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { executeAll } from '../../lib/qemu/monitors.ts';
import { QmpClient } from '../../lib/qemu/qmp-client.ts';
import { answer, fakeMonitor, greeting, type Command, type FakeMonitor, type Script } from './fake-monitor.ts';

/** Long enough never to pass on a busy machine. */
const wait = { timeoutMs: 10_000 };
/** For what never comes. */
const short = { timeoutMs: 50 };

let monitor: FakeMonitor | undefined;
let client: QmpClient | undefined;
afterEach(async () => {
  client?.close();
  await monitor?.stop();
  client = monitor = undefined;
});

async function connected(script: Script): Promise<QmpClient> {
  monitor = await fakeMonitor(script);
  client = await QmpClient.connect(monitor.path, wait);
  return client;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof XlError) return error.code;
    throw error;
  }
  return 'none';
}

describe('a conversation', () => {
  test('knows the version and gets answers', async () => {
    const qmp = await connected((command, socket) => answer(socket, command.id, command.execute));
    expect(qmp.version).toBe('7.2.0');
    expect(await qmp.execute('query-status', undefined, wait)).toBe('query-status');
  });

  test('finds the command of each answer by its id, in whatever order they come', async () => {
    const waiting: Command[] = [];
    const qmp = await connected((command, socket) => {
      waiting.unshift(command);
      if (waiting.length === 3) for (const { id, execute } of waiting) answer(socket, id, execute);
    });
    const commands = ['a', 'b', 'c'];
    expect(await Promise.all(commands.map((name) => qmp.execute(name, undefined, wait)))).toEqual(commands);
  });

  test('reads answers that come a byte at a time', async () => {
    const qmp = await connected((command, socket) => {
      for (const byte of Buffer.from(`{"return": "é", "id": ${command.id}}\n`)) socket.write(Uint8Array.of(byte));
    });
    expect(await qmp.execute('a', undefined, wait)).toBe('é');
  });

  test.each([
    ['DeviceNotFound', 'qmp-device-not-found'],
    ['CommandNotFound', 'qmp-command-not-found'],
    ['GenericError', 'qmp-generic-error'],
    ['SomethingNew', 'qmp-error'],
  ])('gives QEMU’s %s as %s and goes on', async (errorClass, code) => {
    const qmp = await connected((command, socket) => {
      if (command.execute === 'good') answer(socket, command.id);
      else socket.write(`{"error": {"class": "${errorClass}", "desc": "no such thing"}, "id": ${command.id}}\n`);
    });
    const refused = qmp.execute('bad', undefined, wait);
    await expect(refused).rejects.toMatchObject({ code, message: 'QEMU refused bad: no such thing' });
    expect(await qmp.execute('good', undefined, wait)).toEqual({});
  });

  test('shows no control characters of what QEMU says, and not more than anybody reads', async () => {
    const qmp = await connected(({ id }, socket) => {
      socket.write(
        `${JSON.stringify({ error: { class: 'GenericError', desc: `\u001b[2J${'x'.repeat(5000)}` }, id })}\n`,
      );
    });
    const refused = qmp.execute('a', undefined, wait);
    await expect(refused).rejects.toThrow(/^QEMU refused a: {2}\[2Jx{996}$/);
  });

  test('that we close refuses what is open and what comes', async () => {
    const qmp = await connected(() => undefined);
    const open = codeOf(qmp.execute('a', undefined, wait));
    const event = codeOf(qmp.nextEvent(() => true, 'an event', wait));
    qmp.close();
    expect(await open).toBe('qmp-closed');
    expect(await event).toBe('qmp-closed');
    expect(await codeOf(qmp.execute('b', undefined, wait))).toBe('qmp-closed');
    expect(await qmp.closed).toBeNull();
  });
});

describe('events', () => {
  const stopped = '{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}}\n';

  test('come to listeners until they leave, and to whoever waits for one', async () => {
    const qmp = await connected((command, socket) => {
      socket.write('{"event": "RESET"}\n' + stopped);
      answer(socket, command.id);
    });
    const heard: string[] = [];
    const leave = qmp.onEvent((event) => heard.push(event.name));
    const event = qmp.nextEvent(({ name }) => name === 'STOP', 'the stop', wait);
    await qmp.execute('a', undefined, wait);
    expect(await event).toMatchObject({ name: 'STOP', time: 1 });
    leave();
    await qmp.execute('b', undefined, wait);
    expect(heard).toEqual(['RESET', 'STOP']);
  });

  test('that do not come in time are said by name', async () => {
    const qmp = await connected(() => undefined);
    const event = qmp.nextEvent(() => true, 'the end of vbd-51712', short);
    await expect(event).rejects.toMatchObject({ code: 'qmp-timeout' });
    await expect(event).rejects.toThrow('the end of vbd-51712 did not come');
  });
});

describe('waits are bounded', () => {
  test('an answer that comes too late is dropped, and the next command gets its own', async () => {
    const late: Command[] = [];
    const qmp = await connected((command, socket) => {
      if (command.execute === 'slow') late.push(command);
      else for (const each of [...late, command]) answer(socket, each.id, each.execute);
    });
    expect(await codeOf(qmp.execute('slow', undefined, short))).toBe('qmp-timeout');
    expect(await qmp.execute('quick', undefined, wait)).toBe('quick');
  });

  test('an abort ends the wait with the signal’s reason', async () => {
    const qmp = await connected(() => undefined);
    const stop = new AbortController();
    const reason = new Error('enough');
    const open = qmp.execute('a', undefined, { ...wait, signal: stop.signal });
    stop.abort(reason);
    await expect(open).rejects.toBe(reason);
    await expect(qmp.execute('b', undefined, { ...wait, signal: stop.signal })).rejects.toBe(reason);
    await expect(QmpClient.connect(monitor?.path ?? '', { ...wait, signal: stop.signal })).rejects.toBe(reason);
  });

  test('a monitor that does not greet, as one that talks to somebody else', async () => {
    monitor = await fakeMonitor(() => undefined, null);
    const error = QmpClient.connect(monitor.path, short);
    await expect(error).rejects.toMatchObject({ code: 'qmp-timeout' });
    await expect(error).rejects.toHaveProperty('hint', expect.stringContaining('one at a time'));
  });

  test('so are the commands that are open', async () => {
    const qmp = await connected(() => undefined);
    const open = Array.from({ length: 256 }, () => codeOf(qmp.execute('a', undefined, wait)));
    expect(await codeOf(qmp.execute('a', undefined, wait))).toBe('qmp-busy');
    qmp.close();
    expect(new Set(await Promise.all(open))).toEqual(new Set(['qmp-closed']));
  });
});

describe('a monitor that misbehaves', () => {
  test('and hangs up in the middle of an answer', async () => {
    const qmp = await connected((_, socket) => socket.end('{"return": '));
    expect(await codeOf(qmp.execute('a', undefined, wait))).toBe('qmp-gone');
    expect(await qmp.closed).toMatchObject({ code: 'qmp-gone' });
    expect(await codeOf(qmp.nextEvent(() => true, 'an event', wait))).toBe('qmp-gone');
  });

  test.each([
    ['rubbish', 'rubbish\n'],
    ['an answer to a command that was never given', '{"return": {}, "id": 99}\n'],
    ['an answer without an id', '{"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}}\n'],
    ['an id of another kind', '{"return": {}, "id": "1"}\n'],
    ['an id that is no whole number', '{"return": {}, "id": 1.5}\n'],
    ['a second greeting', greeting],
  ])('and sends %s ends the conversation', async (_, reply) => {
    const qmp = await connected((__, socket) => socket.write(reply));
    expect(await codeOf(qmp.execute('a', undefined, wait))).toBe('qmp-malformed');
    expect(await qmp.closed).toMatchObject({ code: 'qmp-malformed' });
  });

  test('and sends a line without end', async () => {
    const qmp = await connected((_, socket) => {
      const piece = 'x'.repeat(1024 * 1024);
      const more = (): void => {
        while (!socket.destroyed && socket.write(piece));
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    });
    expect(await codeOf(qmp.execute('a', undefined, wait))).toBe('qmp-malformed');
  });

  test.each(['rubbish\n', '{"return": {}, "id": 0}\n', '{"QMP": {}}\n', '\u0000\n'])(
    'and opens with %j',
    async (opening) => {
      monitor = await fakeMonitor(() => undefined, opening);
      expect(await codeOf(QmpClient.connect(monitor.path, wait))).toBe('qmp-malformed');
    },
  );

  test('and has gone', async () => {
    monitor = await fakeMonitor(() => undefined);
    await monitor.stop();
    const error = QmpClient.connect(monitor.path, wait);
    await expect(error).rejects.toMatchObject({ code: 'qmp-unreachable' });
    await expect(error).rejects.toThrow('ENOENT');
  });
});

describe('several commands over one connection', () => {
  const { signal } = new AbortController();

  test('are done in order, each after the answer before', async () => {
    const done: string[] = [];
    monitor = await fakeMonitor((command, socket) => {
      done.push(command.execute);
      void sleep(5).then(() => answer(socket, command.id, done.length));
    });
    const commands = [{ execute: 'a' }, { execute: 'b' }, { execute: 'c' }];
    expect(await executeAll(monitor.path, commands, { ...wait, signal })).toEqual([1, 2, 3]);
  });

  test('end at the first refusal, and the connection is given back', async () => {
    const done: string[] = [];
    let closed: () => void = () => undefined;
    const given = new Promise<void>((resolve) => (closed = resolve));
    monitor = await fakeMonitor((command, socket) => {
      done.push(command.execute);
      socket.once('close', closed);
      if (command.execute === 'a') answer(socket, command.id);
      else socket.write(`{"error": {"class": "GenericError", "desc": "no"}, "id": ${command.id}}\n`);
    });
    const commands = [{ execute: 'a' }, { execute: 'b' }, { execute: 'c' }];
    expect(await codeOf(executeAll(monitor.path, commands, { ...wait, signal }))).toBe('qmp-generic-error');
    expect(done).toEqual(['a', 'b']);
    await given;
  });

  test('share one time', async () => {
    monitor = await fakeMonitor((command, socket) => {
      if (command.execute !== 'never') answer(socket, command.id);
    });
    const commands = [{ execute: 'a' }, { execute: 'never' }];
    expect(await codeOf(executeAll(monitor.path, commands, { timeoutMs: 300, signal }))).toBe('qmp-timeout');
  });
});
