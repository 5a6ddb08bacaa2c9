import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { Connection } from '../../lib/xenstore/connection.ts';
import { MessageType } from '../../lib/xenstore/codec.ts';
import { answer, event, message, refusal, ScriptedServer, tokenOf } from './support/scripted.ts';

async function connect(options: { timeoutMs?: number; maxWaiting?: number } = {}) {
  const server = new ScriptedServer();
  const client = await XenstoreClient.connect({ socket: server, ...options });
  return { server, client };
}

describe('a connection', () => {
  test('requests of one turn leave in one write, and answers find them in any order', async () => {
    const { server, client } = await connect();
    const values = Promise.all([client.readText('/a'), client.readText('/b'), client.readText('/c')]);
    await server.request(3);
    expect(server.writes).toBe(1);
    const [a, b, c] = server.requests;
    server.say(answer(c!, '3'), answer(a!, '1'));
    server.say(answer(b!, '2'));
    expect(await values).toEqual(['1', '2', '3']);
    client.close();
  });

  test('a reply and an event in one segment, and cut at every byte, come apart', async () => {
    for (let cut = 1; cut < 60; cut++) {
      const { server, client } = await connect();
      const watch = client.watch('/w');
      const watching = await server.request(1);
      const read = client.readText('/a');
      const bytes = Buffer.concat([
        answer(watching, 'OK\0'),
        event('/w', tokenOf(watching)),
        answer(await server.request(2), 'value'),
        event('/w/x', tokenOf(watching)),
      ]);
      server.say(bytes.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      server.say(bytes.subarray(cut));
      expect(await read).toBe('value');
      expect([await watch.next(), await watch.next()].map(({ value }) => value)).toEqual([
        { kind: 'changed', path: '/w' },
        { kind: 'changed', path: '/w/x' },
      ]);
      client.close();
    }
  });

  test('error names that no list knows keep their name', async () => {
    const { server, client } = await connect();
    const quota = client.write('/a', '');
    server.say(refusal(await server.request(1), 'EQUOTA'));
    await expect(quota).rejects.toMatchObject({ code: 'xenstore-equota', message: /WRITE \/a.*EQUOTA/ });
    const odd = client.write('/a', '');
    server.say(refusal(await server.request(2), 'no such name!'));
    await expect(odd).rejects.toMatchObject({ code: 'xenstore-error', message: /no such name!/ });
    client.close();
  });

  test('an answer to nothing that was asked is dropped', async () => {
    const { server, client } = await connect();
    const read = client.readText('/a');
    const request = await server.request(1);
    server.say(message('ERROR', 'ENOENT\0', 999), message('READ', 'other', 998), answer(request, 'mine'));
    expect(await read).toBe('mine');
    client.close();
  });

  test('an answer of another type means that the stream is out of step: the connection ends', async () => {
    const { server, client } = await connect();
    const [read, write] = [client.read('/a'), client.write('/b', '')];
    const outcomes = Promise.allSettled([read, write]);
    server.say(answer(await server.request(1), 'OK\0', MessageType.RM));
    expect(await outcomes).toMatchObject([
      { reason: { code: 'xenstore-bad-message' } },
      { reason: { code: 'xenstore-bad-message' } },
    ]);
    expect(server.destroyed).toBe(true);
  });

  test('a message that announces more than a reply may hold ends the connection', async () => {
    const { server, client } = await connect();
    const read = client.read('/a');
    const reply = answer(await server.request(1), '');
    reply.writeUInt32LE(0x7fff_ffff, 12);
    server.say(reply);
    await expect(read).rejects.toMatchObject({ code: 'xenstore-bad-message' });
  });

  test('an answer that does not come in time is a timeout, and the connection goes on', async () => {
    const { server, client } = await connect({ timeoutMs: 30 });
    await expect(client.read('/a')).rejects.toMatchObject({ code: 'xenstore-timeout', message: /READ \/a/ });
    const second = client.readText('/b');
    server.say(answer(server.requests[0]!, 'late'), answer(await server.request(2), 'in time'));
    expect(await second).toBe('in time');
    client.close();
  });

  test('an aborted request rejects with the signal’s reason; one aborted before is not sent', async () => {
    const { server, client } = await connect();
    const reason = new Error('enough');
    const controller = new AbortController();
    const read = client.read('/a', { signal: controller.signal });
    await server.request(1);
    controller.abort(reason);
    await expect(read).rejects.toBe(reason);
    await expect(client.read('/b', { signal: controller.signal })).rejects.toBe(reason);
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.requests).toHaveLength(1);
    client.close();
  });

  test('a transaction or a watch that starts after nobody waits any more is taken back', async () => {
    const { server, client } = await connect({ timeoutMs: 30 });
    await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'xenstore-timeout' });
    const watch = client.watch('/w');
    await expect(watch.next()).rejects.toMatchObject({ code: 'xenstore-timeout' });
    const [start, watching] = server.requests;
    server.say(answer(start!, '17\0'), answer(watching!, 'OK\0'));
    await server.request(4);
    const [end, unwatch] = server.requests.slice(2);
    expect(end).toMatchObject({ type: MessageType.TRANSACTION_END, transactionId: 17 });
    expect(end!.payload.toString()).toBe('F\0');
    expect(unwatch).toMatchObject({ type: MessageType.UNWATCH, payload: watching!.payload });
    client.close();
  });

  test('more requests than may wait are refused, not kept', async () => {
    const { server, client } = await connect({ maxWaiting: 2 });
    const waiting = [client.readText('/a'), client.readText('/b')];
    await expect(client.read('/c')).rejects.toMatchObject({ code: 'xenstore-busy' });
    await server.request(2);
    server.say(...server.requests.map((request) => answer(request, 'v')));
    expect(await Promise.all(waiting)).toEqual(['v', 'v']);
    const third = client.readText('/c');
    server.say(answer(await server.request(3), 'w'));
    expect(await third).toBe('w');
    client.close();
  });

  test('req_ids run through 2^32 and begin anew, and are never 0', async () => {
    const server = new ScriptedServer();
    const ids = async (lastRequestId: number, count: number): Promise<number[]> => {
      const connection = new Connection(server, {
        peer: 'test',
        timeoutMs: 1000,
        maxWaiting: 100,
        lastRequestId,
        onEvent: () => undefined,
        onGone: () => undefined,
      });
      const before = server.requests.length;
      for (let sent = 0; sent < count; sent++) {
        connection.request({ name: 'READ', transactionId: 0, text: '/\0' }).catch(() => undefined);
      }
      await server.request(before + count);
      return server.requests.slice(before).map(({ requestId }) => requestId);
    };
    expect(await ids(0xffff_fffd, 4)).toEqual([0xffff_fffe, 0xffff_ffff, 1, 2]);
    server.destroy();
  });

  test('when the server goes away, everything that waits hears which socket and why', async () => {
    const { server, client } = await connect();
    const watch = client.watch('/w');
    const waiting = Promise.allSettled([client.read('/a'), client.transaction(() => Promise.resolve()), watch.next()]);
    await server.request(3);
    server.destroy(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }));
    for (const outcome of await waiting) {
      expect(outcome).toMatchObject({ reason: { code: 'xenstore-gone', message: /the given stream.*EPIPE/ } });
    }
    await expect(client.read('/a')).rejects.toMatchObject({ code: 'xenstore-gone' });
  });

  test('closing fails what waits and ends watches quietly', async () => {
    const { client } = await connect();
    const watch = client.watch('/w');
    const waiting = Promise.allSettled([client.read('/a'), watch.next()]);
    client.close();
    expect(await waiting).toMatchObject([
      { reason: { code: 'xenstore-gone', message: /closed by this side/ } },
      { value: { done: true } },
    ]);
  });
});

describe('a watch', () => {
  test('a path that waits is not queued twice, and too many paths become one resync', async () => {
    const { server, client } = await connect();
    const watch = client.watch('/w', { capacity: 3 });
    const token = tokenOf(await server.request(1));
    server.say(...['/w/1', '/w/2', '/w/1', '/w/2', '/w/1'].map((path) => event(path, token)));
    await sleep(1);
    expect((await watch.next()).value).toEqual({ kind: 'changed', path: '/w/1' });
    server.say(...Array.from({ length: 100 }, (_, index) => event(`/w/x${index}`, token)));
    await sleep(1);
    expect((await watch.next()).value).toEqual({ kind: 'resync' });
    server.say(event('/w/after', token));
    expect((await watch.next()).value).toEqual({ kind: 'changed', path: '/w/after' });
    client.close();
  });

  test('events of a watch that was taken back, and of unknown tokens, are dropped', async () => {
    const { server, client } = await connect();
    const [one, two] = [client.watch('/w'), client.watch('/w')];
    await server.request(2);
    const [first, second] = server.requests.map(tokenOf);
    const unwatched = one.unwatch();
    server.say(event('/w', first!), event('/w', 'nobody'), event('/w/2', second!));
    server.say(answer(await server.request(3), 'OK\0'));
    await unwatched;
    expect(await one.next()).toEqual({ done: true, value: undefined });
    expect((await two.next()).value).toEqual({ kind: 'changed', path: '/w/2' });
    client.close();
  });

  test('leaving the loop takes the watch back', async () => {
    const { server, client } = await connect();
    const loop = (async () => {
      for await (const change of client.watch('/w')) return change;
      return null;
    })();
    const watching = await server.request(1);
    server.say(answer(watching, 'OK\0'), event('/w', tokenOf(watching)));
    const unwatch = await server.request(2);
    expect(unwatch).toMatchObject({ type: MessageType.UNWATCH, payload: watching.payload });
    server.say(answer(unwatch, 'OK\0'));
    expect(await loop).toEqual({ kind: 'changed', path: '/w' });
    client.close();
  });

  test('an aborted watch throws the signal’s reason and is taken back', async () => {
    const { server, client } = await connect();
    const controller = new AbortController();
    const waiting = client.watch('/w', { signal: controller.signal }).next();
    await server.request(1);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(await server.request(2)).toMatchObject({ type: MessageType.UNWATCH });
    client.close();
  });

  test('a refused watch says so in its iteration', async () => {
    const { server, client } = await connect();
    const waiting = client.watch('/w').next();
    server.say(refusal(await server.request(1), 'E2BIG'));
    await expect(waiting).rejects.toMatchObject({ code: 'xenstore-e2big' });
    client.close();
  });
});

describe('a long listing', () => {
  test('begins anew when the node changes in between', async () => {
    const { server, client } = await connect();
    const listing = client.directory('/d');
    server.say(refusal(await server.request(1), 'E2BIG'));
    server.say(answer(await server.request(2), '7\0a\0bb\0'));
    const second = await server.request(3);
    expect(second.payload.toString()).toBe('/d\x005\0');
    server.say(answer(second, '8\0c\0\0'));
    const anew = await server.request(4);
    expect(anew.payload.toString()).toBe('/d\x000\0');
    server.say(answer(anew, '8\0a\0'));
    server.say(answer(await server.request(5), '8\0\0'));
    expect(await listing).toEqual(['a']);
    client.close();
  });

  test('an answer without a generation is no answer', async () => {
    const { server, client } = await connect();
    const listing = client.directory('/d');
    server.say(refusal(await server.request(1), 'E2BIG'));
    server.say(answer(await server.request(2), ''));
    await expect(listing).rejects.toMatchObject({ code: 'xenstore-bad-message' });
    client.close();
  });
});
