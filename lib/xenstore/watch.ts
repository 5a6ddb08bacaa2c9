/**
 * What a watch says. `changed`: the node at `path`, or one below it, may have changed: read it now. `resync`: more
 * happened than the queue holds, so anything below the watched path may have changed: read it all anew.
 */
export type WatchEvent = { readonly kind: 'changed'; readonly path: string } | { readonly kind: 'resync' };

/** How many different paths may wait in a watch's queue, unless said. */
export const WATCH_CAPACITY = 1024;

interface Waiter {
  resolve(result: IteratorResult<WatchEvent, undefined>): void;
  reject(error: unknown): void;
}

/**
 * A watch that stands, as an endless iteration. The first event comes at once and says only that the watch stands.
 * An event carries no value, so a path that already waits in the queue is not queued again; where more paths wait than
 * the queue holds they are all replaced by one `resync`. Leaving the loop, or `unwatch`, takes the watch back.
 */
export class Watch implements AsyncIterableIterator<WatchEvent, undefined> {
  readonly path: string;
  readonly #capacity: number;
  readonly #onUnwatch: () => Promise<void>;
  readonly #paths = new Set<string>();
  readonly #waiters: Waiter[] = [];
  #resync = false;
  #end: { readonly error: unknown } | 'quiet' | undefined;

  constructor(path: string, capacity: number, onUnwatch: () => Promise<void>) {
    this.path = path;
    this.#capacity = capacity;
    this.#onUnwatch = onUnwatch;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next event; `done` after unwatch. Rejects once if the watch broke: the server refused it, or is gone. */
  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#serve();
    });
  }

  /** Ends the iteration, as leaving a `for await` loop does. */
  async return(): Promise<IteratorResult<WatchEvent, undefined>> {
    await this.unwatch();
    return { done: true, value: undefined };
  }

  /** Takes the watch back and ends the iteration; events that still wait are dropped. */
  async unwatch(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#paths.clear();
    this.#resync = false;
    this.#finish('quiet');
    await this.#onUnwatch();
  }

  /** For the owner of the connection: a path changed. */
  push(path: string): void {
    if (this.#end !== undefined || this.#resync) return;
    this.#paths.add(path);
    if (this.#paths.size > this.#capacity) {
      this.#paths.clear();
      this.#resync = true;
    }
    this.#serve();
  }

  /** For the owner of the connection: the watch is broken; what waits in the queue is still given. */
  fail(error: unknown): void {
    if (this.#end === undefined) this.#finish({ error });
  }

  /** For the owner of the connection: the watch ends with it, as wished. */
  finish(): void {
    if (this.#end === undefined) this.#finish('quiet');
  }

  #finish(end: { readonly error: unknown } | 'quiet'): void {
    this.#end = end;
    this.#serve();
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const event = this.#take();
      if (event !== undefined) this.#waiters.shift()!.resolve({ done: false, value: event });
      else if (this.#end === undefined) return;
      else if (this.#end === 'quiet') this.#waiters.shift()!.resolve({ done: true, value: undefined });
      else {
        const { error } = this.#end;
        this.#end = 'quiet';
        this.#waiters.shift()!.reject(error);
      }
    }
  }

  #take(): WatchEvent | undefined {
    if (this.#resync) {
      this.#resync = false;
      return { kind: 'resync' };
    }
    for (const path of this.#paths) {
      this.#paths.delete(path);
      return { kind: 'changed', path };
    }
    return undefined;
  }
}
