import { describe, expect, test } from 'vitest';
import type { Store } from '../../lib/run/ports.ts';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import { storePort } from '../../lib/xenstore/port.ts';
import { StoreServerCore } from '../../lib/xenstore/store/core.ts';
import { connectInProcess } from '../../lib/xenstore/store/serve.ts';

async function connect(): Promise<{ store: Store; client: XenstoreClient }> {
  const client = await XenstoreClient.connect({ socket: connectInProcess(new StoreServerCore()) });
  return { store: storePort(client), client };
}

describe('the executor’s store', () => {
  test('says null for what is missing, and removes what is not there', async () => {
    const { store, client } = await connect();
    expect(await store.read('/a')).toBeNull();
    expect(await store.directory('/a')).toBeNull();
    expect(await store.getPerms('/a')).toBeNull();
    await store.rm('/a/b/c');
    client.close();
  });

  test('reads and writes text, permissions as they are written', async () => {
    const { store, client } = await connect();
    await store.write('/a/b', 'grüße');
    await store.mkdir('/a/c');
    expect(await store.read('/a/b')).toBe('grüße');
    expect(await store.directory('/a')).toEqual(['b', 'c']);
    await store.setPerms('/a', ['n0', 'r5']);
    expect(await store.getPerms('/a')).toEqual(['n0', 'r5']);
    await expect(store.setPerms('/a', ['x0'])).rejects.toMatchObject({ code: 'xenstore-bad-permissions' });
    client.close();
  });

  test('runs a body in a transaction, again while it conflicts', async () => {
    const { store, client } = await connect();
    await store.write('/count', '1');
    let runs = 0;
    const result = await store.transaction(async (view) => {
      const count = Number(await view.read('/count'));
      if (++runs === 1) await store.write('/count', '10');
      await view.write('/count', String(count + 1));
      return count;
    });
    expect([result, runs, await store.read('/count')]).toEqual([10, 2, '11']);
    client.close();
  });

  test('runs transactions one after another: none has to run again for another of ours', async () => {
    const { store, client } = await connect();
    let runs = 0;
    const device = (id: number) =>
      store.transaction(async (view) => {
        runs += 1;
        await Promise.all([view.write(`/devices/${id}/state`, '1'), view.write(`/devices/${id}/mode`, 'w')]);
        if (id === 3) throw new Error('not this one');
      });
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(device));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(runs).toBe(4);
    expect(await store.directory('/devices')).toEqual(['1', '2', '4']);
    client.close();
  });

  test('watches from the moment it is asked, until the signal', async () => {
    const { store, client } = await connect();
    const controller = new AbortController();
    const changes = store.watch('/w', { signal: controller.signal });
    await store.write('/w/x', '1');
    const paths: string[] = [];
    await expect(
      (async () => {
        for await (const path of changes) {
          paths.push(path);
          if (path === '/w/x') controller.abort(new Error('enough'));
        }
      })(),
    ).rejects.toThrow('enough');
    expect(paths).toEqual(['/w', '/w/x']);
    client.close();
  });

  test('introduces and releases', async () => {
    const { store, client } = await connect();
    await store.introduce(7, 0x1_0000_0000n, 3);
    expect(await client.isDomainIntroduced(7)).toBe(true);
    await store.release(7);
    expect(await client.isDomainIntroduced(7)).toBe(false);
    client.close();
  });
});
