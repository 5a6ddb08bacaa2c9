import { describe, expect, it } from 'vitest';
import { rememberingBackends } from '../../lib/host/real/remembered-backends.ts';
import { sharedLock } from '../../lib/host/real/shared-lock.ts';
import type { StoreView } from '../../lib/run/ports.ts';

/** A lock that notes what happens to it. */
function lock(refusals = 0) {
  const log: string[] = [];
  let left = refusals;
  const run = sharedLock((bounds: string) => {
    if (left-- > 0) return Promise.reject(new Error('taken'));
    log.push(`take ${bounds}`);
    return Promise.resolve({
      held: log.length,
      release: () => {
        log.push('release');
        return Promise.resolve();
      },
    });
  });
  return { log, run };
}

describe('a shared lock', () => {
  it('is held once for all that wait, one after another, a failure included', async () => {
    const { log, run } = lock();
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) =>
        run(name, async () => {
          log.push(name);
          await Promise.resolve();
          if (name === 'b') throw new Error('no');
        }),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log).toEqual(['take a', 'a', 'b', 'c', 'release']);
  });

  it('is taken anew by who comes later', async () => {
    const { log, run } = lock();
    await run('a', () => Promise.resolve());
    await run('b', () => Promise.resolve());
    expect(log).toEqual(['take a', 'release', 'take b', 'release']);
  });

  it('is tried by the next where one could not take it', async () => {
    const { log, run } = lock(1);
    const outcomes = await Promise.allSettled([run('a', () => Promise.resolve()), run('b', () => Promise.resolve())]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(log).toEqual(['take b', 'release']);
  });
});

describe('the backends as they are remembered under the lock', () => {
  const root = '/local/domain/0/backend/vbd';
  const device = `${root}/7/51712/physical-device`;

  function counting() {
    const nodes = new Map([[device, '7:0']]);
    const asked: string[] = [];
    const store: StoreView = {
      read: (path) => {
        asked.push(path);
        return Promise.resolve(nodes.get(path) ?? null);
      },
      directory: (path) => {
        asked.push(path);
        return Promise.resolve(path === root ? ['7'] : ['51712']);
      },
      write: (path, value) => Promise.resolve(void nodes.set(path, value)),
      rm: (path) => {
        for (const node of nodes.keys()) if (node.startsWith(path)) nodes.delete(node);
        return Promise.resolve();
      },
      mkdir: () => Promise.resolve(),
      getPerms: () => Promise.resolve(null),
      setPerms: () => Promise.resolve(),
    };
    return { asked, view: rememberingBackends(store) };
  }

  it('are asked for once', async () => {
    const { asked, view } = counting();
    for (let disk = 0; disk < 8; disk += 1) {
      expect(await view.directory(root)).toEqual(['7']);
      expect(await view.read(device)).toBe('7:0');
    }
    expect(asked).toEqual([root, device]);
  });

  it('are those that were written here', async () => {
    const { view } = counting();
    await view.read(device);
    await view.write(device, '7:1');
    expect(await view.read(device)).toBe('7:1');
    await view.rm(`${root}/7/51712`);
    expect(await view.read(device)).toBeNull();
  });

  it('have states, which are asked for each time', async () => {
    const { asked, view } = counting();
    await view.read(`${root}/7/51712/state`);
    await view.read(`${root}/7/51712/state`);
    expect(asked).toHaveLength(2);
  });
});
