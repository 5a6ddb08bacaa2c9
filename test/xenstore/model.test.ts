import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { XenstoreClient } from '../../lib/xenstore/client.ts';
import type { XenstoreView } from '../../lib/xenstore/client.ts';
import { baseName, childPath, isAtOrBelow, parentPath } from '../../lib/xenstore/path.ts';
import { StoreServerCore } from '../../lib/xenstore/store/core.ts';
import { connectInProcess } from '../../lib/xenstore/store/serve.ts';

/** The store as docs/misc/xenstore.txt describes it to domain 0, in as few words as possible: values by path. */
class Model {
  readonly #values = new Map<string, string>([['/', '']]);

  read = (path: string): string => this.#values.get(path) ?? 'xenstore-enoent';

  directory = (path: string): string[] | string =>
    this.#values.has(path)
      ? [...this.#values.keys()].filter((key) => key !== '/' && parentPath(key) === path).map(baseName)
      : 'xenstore-enoent';

  write(path: string, value: string): string {
    this.mkdir(path);
    this.#values.set(path, value);
    return 'done';
  }

  mkdir(path: string): string {
    if (path !== '/') this.mkdir(parentPath(path));
    if (!this.#values.has(path)) this.#values.set(path, '');
    return 'done';
  }

  rm(path: string): string {
    if (path === '/') return 'xenstore-einval';
    if (!this.#values.has(path)) return this.#values.has(parentPath(path)) ? 'done' : 'xenstore-enoent';
    for (const key of [...this.#values.keys()]) if (isAtOrBelow(key, path)) this.#values.delete(key);
    return 'done';
  }
}

type Operation =
  readonly [kind: 'read' | 'directory' | 'mkdir' | 'rm', path: string] | readonly ['write', string, string];

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { maxLength: 4 }).map((names) => names.reduce(childPath, '/'));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(fc.constantFrom('read' as const, 'directory' as const, 'mkdir' as const, 'rm' as const), path),
  fc.tuple(fc.constant('write' as const), path, fc.string({ maxLength: 8 })),
);

async function ask(view: XenstoreView, step: Operation): Promise<unknown> {
  try {
    switch (step[0]) {
      case 'read':
        return await view.readText(step[1]);
      case 'directory':
        return (await view.directory(step[1])).sort();
      case 'write':
        await view.write(step[1], step[2]);
        return 'done';
      case 'mkdir':
      case 'rm':
        await view[step[0]](step[1]);
        return 'done';
    }
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function askModel(model: Model, step: Operation): unknown {
  switch (step[0]) {
    case 'write':
      return model.write(step[1], step[2]);
    case 'directory': {
      const names = model.directory(step[1]);
      return typeof names === 'string' ? names : names.sort();
    }
    case 'read':
    case 'mkdir':
    case 'rm':
      return model[step[0]](step[1]);
  }
}

async function emptyStore(): Promise<{ core: StoreServerCore; client: XenstoreClient }> {
  const core = new StoreServerCore();
  const client = await XenstoreClient.connect({ socket: connectInProcess(core) });
  await client.rm('/tool');
  return { core, client };
}

describe('our store against a model', () => {
  test('any operations of domain 0 have the answers that the document promises', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (steps) => {
        const { client } = await emptyStore();
        const model = new Model();
        for (const step of steps) expect([step, await ask(client, step)]).toEqual([step, askModel(model, step)]);
        client.close();
      }),
      { numRuns: 200 },
    );
  });

  test('inside a transaction too; committed it is all there, aborted nothing is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 15 }),
        fc.array(operation, { maxLength: 15 }),
        fc.boolean(),
        async (before, within, commit) => {
          const { client } = await emptyStore();
          const [committed, changed] = [new Model(), new Model()];
          for (const step of before) {
            await ask(client, step);
            askModel(committed, step);
            askModel(changed, step);
          }
          const give = new Error('given up');
          const transaction = client.transaction(async (view) => {
            for (const step of within) expect(await ask(view, step)).toEqual(askModel(changed, step));
            if (!commit) throw give;
          });
          if (commit) await transaction;
          else await expect(transaction).rejects.toBe(give);
          const after = commit ? changed : committed;
          for (const where of fc.sample(path, 40)) {
            expect(await ask(client, ['read', where])).toEqual(after.read(where));
          }
          client.close();
        },
      ),
      { numRuns: 100 },
    );
  });

  test('transactions of many clients at once are as if one came after the other', async () => {
    const transfer = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.nat({ max: 9 }));
    await fc.assert(
      fc.asyncProperty(fc.array(transfer, { minLength: 5, maxLength: 30 }), async (transfers) => {
        const { core, client } = await emptyStore();
        await Promise.all([0, 1, 2, 3].map((account) => client.write(`/account/${account}`, '100')));
        const move = async ([from, to, amount]: readonly [number, number, number]): Promise<void> => {
          const own = await XenstoreClient.connect({ socket: connectInProcess(core) });
          await own.transaction(async (view) => {
            const balance = Number(await view.readText(`/account/${from}`));
            await view.write(`/account/${from}`, String(balance - amount));
            const other = Number(await view.readText(`/account/${to}`));
            await view.write(`/account/${to}`, String(other + amount));
          });
          own.close();
        };
        await Promise.all(transfers.map(move));
        const expected = [100, 100, 100, 100];
        for (const [from, to, amount] of transfers) {
          expected[from]! -= amount;
          expected[to]! += amount;
        }
        const balances = await Promise.all([0, 1, 2, 3].map((account) => client.readText(`/account/${account}`)));
        expect(balances.map(Number)).toEqual(expected);
        client.close();
      }),
      { numRuns: 20 },
    );
  });
});
