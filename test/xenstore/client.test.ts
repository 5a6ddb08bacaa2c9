import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import type { Watch } from '../../lib/xenstore/client.ts';
import { storeFailure } from '../../lib/xenstore/failure.ts';
import { startReal, whyNot } from './real/daemons.ts';
import { startOurs } from './support/daemon.ts';
import type { Daemon } from './support/daemon.ts';
import { answer, refusal, ScriptedServer } from './support/scripted.ts';

async function next(watch: Watch): Promise<string> {
  const { value } = await watch.next();
  return value?.kind === 'changed' ? value.path : (value?.kind ?? 'done');
}

/** What each server does its own way; the client copes with all of them. */
const servers = [
  { name: 'our own store', start: startOurs, reason: null, conflictsOnReadOnly: true, longest: 4093 },
  {
    name: 'the real C xenstored',
    start: () => startReal('xenstored'),
    reason: whyNot('xenstored'),
    conflictsOnReadOnly: true,
    longest: 4093,
  },
  {
    name: 'the real oxenstored',
    start: () => startReal('oxenstored'),
    reason: whyNot('oxenstored'),
    conflictsOnReadOnly: false,
    longest: 2048,
  },
];

for (const { name, start, reason, conflictsOnReadOnly, longest } of servers) {
  if (reason !== null) console.warn(`skipped: the client against ${name}: ${reason}`);

  describe.skipIf(reason !== null)(`the client against ${name}`, () => {
    let daemon: Daemon;
    let client: XenstoreClient;
    let other: XenstoreClient;
    beforeEach(async () => {
      daemon = await start();
      client = await XenstoreClient.connect({ path: daemon.path });
      other = await XenstoreClient.connect({ path: daemon.path });
    });
    afterEach(async () => {
      client.close();
      other.close();
      await daemon.stop();
    });

    test('values keep every byte: nuls, bytes past 0x7f, nothing at all, UTF-8 text', async () => {
      const bytes = Buffer.from([0, 1, 0x7f, 0x80, 0xff, 0, 10, 0]);
      await client.write('/a', bytes);
      expect(await client.read('/a')).toEqual(bytes);
      await client.write('/a', '');
      expect(await client.read('/a')).toHaveLength(0);
      await client.write('/a', 'grüße');
      expect(await client.readText('/a')).toBe('grüße');
    });

    test('the longest value passes, and one byte more than a message holds is not sent', async () => {
      await client.write('/a', 'v'.repeat(longest));
      expect(await client.readText('/a')).toBe('v'.repeat(longest));
      const tooBig: unknown = expect.objectContaining({ code: 'xenstore-too-big' });
      await expect(client.write('/a', 'v'.repeat(4094))).rejects.toEqual(tooBig);
      await expect(client.write('/a', 'ü'.repeat(2047))).rejects.toEqual(tooBig);
      await expect(client.write('/a', Buffer.alloc(5000))).rejects.toEqual(tooBig);
      expect(await client.readText('/a')).toBe('v'.repeat(longest));
    });

    test('nodes are made, listed and removed', async () => {
      await client.mkdir('/d/e');
      await client.write('/d/f', '1');
      expect((await client.directory('/d')).sort()).toEqual(['e', 'f']);
      expect(await client.directory('/d/e')).toEqual([]);
      await client.rm('/d');
      await expect(client.read('/d/f')).rejects.toMatchObject({ code: 'xenstore-enoent' });
      await expect(client.rm('/d/e/f')).rejects.toMatchObject({ code: 'xenstore-enoent', message: /RM \/d\/e\/f/ });
    });

    test('a listing longer than a message comes whole', async () => {
      const names = Array.from({ length: 300 }, (_, index) => `${index}-${'x'.repeat(40)}`);
      await Promise.all(names.map((child) => client.mkdir(`/d/${child}`)));
      expect((await client.directory('/d')).sort()).toEqual(names.sort());
    });

    test('permissions keep their order, the owner first', async () => {
      daemon.makeDomain(5);
      await client.introduce(5, 1n, 1);
      await client.write('/a', '');
      await client.setPerms('/a', [
        { domid: 0, access: 'none' },
        { domid: 5, access: 'read' },
        { domid: 6, access: 'both' },
      ]);
      expect(await client.getPerms('/a')).toEqual([
        { domid: 0, access: 'none' },
        { domid: 5, access: 'read' },
        { domid: 6, access: 'both' },
      ]);
    });

    test('many requests at once each get their own answer', async () => {
      await Promise.all(Array.from({ length: 500 }, (_, index) => client.write(`/n/${index}`, `v${index}`)));
      const values = await Promise.all(Array.from({ length: 500 }, (_, index) => client.readText(`/n/${index}`)));
      expect(values).toEqual(Array.from({ length: 500 }, (_, index) => `v${index}`));
    });

    test('a transaction shows its own writes, hides them from others, and commits', async () => {
      const result = await client.transaction(async (transaction) => {
        await transaction.write('/t/a', '1');
        expect(await transaction.readText('/t/a')).toBe('1');
        await expect(other.read('/t/a')).rejects.toMatchObject({ code: 'xenstore-enoent' });
        return 'done';
      });
      expect(result).toBe('done');
      expect(await other.readText('/t/a')).toBe('1');
    });

    test('a transaction runs again until it meets no conflict', async () => {
      await client.write('/count', '0');
      const increment = (who: XenstoreClient): Promise<void> =>
        who.transaction(async (transaction) => {
          const count = Number(await transaction.readText('/count'));
          await transaction.write('/count', String(count + 1));
        });
      await Promise.all(Array.from({ length: 40 }, (_, index) => increment(index % 2 === 0 ? client : other)));
      expect(await client.readText('/count')).toBe('40');
    });

    test('what a transaction only read is held against it as the server does', async () => {
      await client.write('/r', '0');
      let runs = 0;
      await client.transaction(async (transaction) => {
        runs++;
        await transaction.read('/r');
        if (runs === 1) await other.write('/r', '1');
      });
      expect(runs).toBe(conflictsOnReadOnly ? 2 : 1);
    });

    test('a body that throws leaves nothing behind, even if it throws EAGAIN', async () => {
      for (const error of [new Error('no'), storeFailure('EAGAIN', 'something else')]) {
        let runs = 0;
        const attempt = client.transaction(async (transaction) => {
          runs++;
          await transaction.write('/t', '1');
          throw error;
        });
        await expect(attempt).rejects.toBe(error);
        expect(runs).toBe(1);
        await expect(client.read('/t')).rejects.toMatchObject({ code: 'xenstore-enoent' });
      }
    });

    test('a transaction that has ended takes no more requests', async () => {
      const ended = await client.transaction((transaction) => Promise.resolve(transaction));
      await expect(ended.read('/')).rejects.toMatchObject({ code: 'xenstore-transaction-over' });
    });

    test('a watch tells that it stands, then what changes at or below its path', async () => {
      const watch = client.watch('/w');
      expect(await next(watch)).toBe('/w');
      await other.write('/w', '1');
      expect(await next(watch)).toBe('/w');
      await other.write('/w/x/y', '1');
      expect(await next(watch)).toBe('/w/x/y');
      await other.write('/wx', '1');
      await other.rm('/w/x');
      expect(await next(watch)).toBe('/w/x');
    });

    test('two watches on one path both hear; one taken back hears no more', async () => {
      const [one, two] = [client.watch('/w'), client.watch('/w')];
      expect([await next(one), await next(two)]).toEqual(['/w', '/w']);
      await one.unwatch();
      await client.write('/w/x', '1');
      expect(await next(two)).toBe('/w/x');
      expect(await next(one)).toBe('done');
    });

    test('a relative watch hears relative paths', async () => {
      const watch = client.watch('dev');
      expect(await next(watch)).toBe('dev');
      await client.write('/local/domain/0/dev/x', '1');
      expect(await next(watch)).toBe('dev/x');
    });

    test('domains are introduced, watched and released; @releaseDomain brings no number', async () => {
      daemon.makeDomain(7);
      const [introduced, released] = [client.watch('@introduceDomain'), client.watch('@releaseDomain')];
      expect([await next(introduced), await next(released)]).toEqual(['@introduceDomain', '@releaseDomain']);
      expect(await client.isDomainIntroduced(7)).toBe(false);
      await client.introduce(7, 1n, 1);
      expect(await next(introduced)).toBe('@introduceDomain');
      expect(await client.isDomainIntroduced(7)).toBe(true);
      expect(await client.getDomainPath(7)).toBe('/local/domain/7');
      await client.resume(7);
      await client.release(7);
      expect(await next(released)).toBe('@releaseDomain');
    });

    test('a refused path is not sent', async () => {
      for (const path of ['/a+b', '/a b', '', '/a/', '@releaseDomain']) {
        await expect(client.read(path)).rejects.toMatchObject({ code: 'xenstore-bad-path' });
      }
      expect(() => client.watch('/a+b')).toThrow(expect.objectContaining({ code: 'xenstore-bad-path' }));
    });

    test('resetWatches ends all watches', async () => {
      const watch = client.watch('/w');
      await next(watch);
      await client.resetWatches();
      await client.write('/w', '1');
      expect(await next(watch)).toBe('done');
    });

    test('features are not told by servers of Xen 4.22 and older', async () => {
      expect(await client.supportedFeatures({ timeoutMs: 1000 })).toBeNull();
      await other.write('/after', 'all others are served');
    });

    test('print is a command that every daemon takes', async () => {
      expect(await client.control('print', 'hello')).toBe('OK');
    });

    test('when the daemon goes, all that waits fails, watches too, and later requests at once', async () => {
      const watch = client.watch('/w');
      await next(watch);
      const waiting = [next(watch), ...Array.from({ length: 3 }, () => client.read('/').then(String))];
      const gone = Promise.allSettled(waiting);
      await daemon.stop();
      const outcomes = await gone;
      expect(outcomes[0]).toMatchObject({ status: 'rejected', reason: { code: 'xenstore-gone' } });
      await expect(client.read('/')).rejects.toMatchObject({
        code: 'xenstore-gone',
        message: expect.stringContaining(daemon.path) as string,
      });
      daemon = await start();
    });
  });
}

test.each([
  ['3\0', 3],
  ['4294967295\0', 0xffff_ffff],
  ['none\0', null],
  ['', null],
])('a server that says its features as %j has %j', async (payload, expected) => {
  const server = new ScriptedServer();
  const client = await XenstoreClient.connect({ socket: server });
  const features = client.supportedFeatures();
  const request = await server.request(1);
  expect([request.type, request.payload.length]).toEqual([23, 0]);
  server.say(answer(request, payload));
  expect(await features).toBe(expected);
  const refused = client.supportedFeatures();
  server.say(refusal(await server.request(2), 'EACCES'));
  await expect(refused).rejects.toMatchObject({ code: 'xenstore-eacces' });
  client.close();
});
