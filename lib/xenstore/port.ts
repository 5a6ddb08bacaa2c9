import { XlError } from '../base/error.ts';
import type { XenstoreClient, XenstoreView } from './client.ts';
import { isStoreFailure } from './failure.ts';
import { formatPermission, parsePermissions } from './perms.ts';

/** The executor's StoreView (lib/run/ports.ts) over a client: values are text, a missing node is null, not an error. */
export type TextView = ReturnType<typeof textView>;

/** The executor's Store (lib/run/ports.ts) over a client. */
export type StorePort = ReturnType<typeof storePort>;

/** See StorePort. The client stays the caller's, to close. */
export function storePort(client: XenstoreClient) {
  const inTurn = oneAfterAnother();
  return {
    ...textView(client),
    /**
     * Runs the body in a transaction and commits; again while the commit answers EAGAIN. A throw aborts it. Two at once
     * under the same parents always conflict, as the devices of one domain do, so each waits for the one before it: the
     * body must not ask for another.
     */
    transaction: <T>(body: (view: TextView) => Promise<T>, options: { signal?: AbortSignal } = {}): Promise<T> =>
      inTurn(() => client.transaction((transaction) => body(textView(transaction)), options)),
    /** Paths that changed at or below `path`; the watch is set at once, and the first path says only that it stands. */
    watch: (path: string, options: { signal: AbortSignal }): AsyncIterable<string> =>
      changedPaths(client.watch(path, options)),
    introduce: (domid: number, gfn: bigint, port: number): Promise<void> => client.introduce(domid, gfn, port),
    /** A domain that xenstored does not know (any more) is released. */
    release: async (domid: number): Promise<void> => {
      await orNull(client.release(domid));
    },
  };
}

/** Runs pieces of work in the order in which they are asked for, each when the one before it has ended, in whichever way. */
function oneAfterAnother() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

function textView(view: XenstoreView) {
  return {
    read: (path: string): Promise<string | null> => orNull(view.readText(path)),
    directory: (path: string): Promise<string[] | null> => orNull(view.directory(path)),
    getPerms: (path: string): Promise<string[] | null> =>
      orNull(view.getPerms(path).then((permissions) => permissions.map(formatPermission))),
    write: (path: string, value: string): Promise<void> => view.write(path, value),
    mkdir: (path: string): Promise<void> => view.mkdir(path),
    rm: async (path: string): Promise<void> => {
      await orNull(view.rm(path));
    },
    setPerms: async (path: string, perms: readonly string[]): Promise<void> =>
      view.setPerms(path, permissionList(path, perms)),
  };
}

function permissionList(path: string, texts: readonly string[]) {
  const permissions = parsePermissions(texts);
  if (permissions !== null) return permissions;
  throw new XlError('xenstore-bad-permissions', `${JSON.stringify(texts)} is no permission list for ${path}`, {
    hint: 'write n, r, w or b and a domid, the owner first: n0 r5',
  });
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isStoreFailure(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Where events were lost, the watched path itself is told: it says that all below may have changed. */
async function* changedPaths(watch: ReturnType<XenstoreClient['watch']>): AsyncIterable<string> {
  for await (const event of watch) yield event.kind === 'changed' ? event.path : watch.path;
}
