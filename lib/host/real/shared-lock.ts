/** Takes a lock; gives what may be used while it is held, and how it is given back. */
export type TakeLock<Bounds, Held> = (
  bounds: Bounds,
) => Promise<{ readonly held: Held; readonly release: () => Promise<void> }>;

/**
 * A lock that pieces of work of this process hold one after another without giving it back in between, as long as another
 * waits: what the first has found out under the lock is still true for the next. The bounds of whoever takes it count.
 */
export function sharedLock<Bounds, Held>(take: TakeLock<Bounds, Held>) {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let lock: Awaited<ReturnType<typeof take>> | null = null;

  const giveBack = async (): Promise<void> => {
    waiting -= 1;
    if (waiting > 0 || lock === null) return;
    const { release } = lock;
    lock = null;
    await release();
  };

  return <T>(bounds: Bounds, work: (held: Held) => Promise<T>): Promise<T> => {
    waiting += 1;
    const mine = last.then(async () => {
      try {
        lock ??= await take(bounds);
        return await work(lock.held);
      } finally {
        await giveBack();
      }
    });
    last = mine.catch(() => undefined);
    return mine;
  };
}
