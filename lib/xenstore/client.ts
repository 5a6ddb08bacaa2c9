import { setTimeout as sleep } from 'node:timers/promises';
import { XlError } from '../base/error.ts';
import { wireStrings, wireText } from './codec.ts';
import type { MessageName } from './codec.ts';
import type { RequestOptions } from './connection.ts';
import { isStoreFailure } from './failure.ts';
import { Session } from './session.ts';
import type { ConnectOptions, WatchOptions } from './session.ts';
import { XenstoreView } from './view.ts';
import type { Watch } from './watch.ts';

export type { RequestOptions } from './connection.ts';
export type { ConnectOptions, WatchOptions } from './session.ts';
export { XenstoreView } from './view.ts';
export type { Watch, WatchEvent } from './watch.ts';

export interface TransactionOptions {
  readonly signal?: AbortSignal | undefined;
  /** How often the body may run, while commits conflict; 1000 unless said. */
  readonly attempts?: number | undefined;
}

/** A question that nothing hangs on is not waited for as long as others. */
const FEATURES_TIMEOUT_MS = 3000;
/** Commits that fail in a row before a pause is made: whoever writes all the time would else keep us out for ever. */
const EAGER_ATTEMPTS = 5;
const PAUSE_MAX_MS = 20;

/**
 * A client of xenstored (docs/misc/xenstore.txt) with the node operations of XenstoreView, transactions, watches and
 * what the toolstack says about domains. Requests may overlap freely: they are pipelined. When the server goes away, all
 * that waits fails with `xenstore-gone`; an answer that does not come in time is `xenstore-timeout`.
 */
export class XenstoreClient extends XenstoreView {
  readonly #session: Session;

  private constructor(session: Session) {
    super((request, options) => session.request(request, options), 0);
    this.#session = session;
  }

  /** Connects to the store that `options` name. `xenstore-unreachable` where nothing answers. */
  static async connect(options: ConnectOptions = {}): Promise<XenstoreClient> {
    return new XenstoreClient(await Session.open(options));
  }

  /**
   * Runs the body in a transaction and commits; while the commit conflicts (EAGAIN) the body runs again. Whatever the
   * body throws ends the transaction undone and is thrown on, an EAGAIN of its own too. `xenstore-conflict` after
   * `attempts` conflicts.
   */
  async transaction<T>(
    body: (transaction: XenstoreView) => Promise<T>,
    { signal, attempts = 1000 }: TransactionOptions = {},
  ): Promise<T> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const outcome = await this.#attempt(body, signal);
      if (outcome.committed) return outcome.value;
      if (attempt > EAGER_ATTEMPTS) await sleep(Math.random() * PAUSE_MAX_MS, undefined, { signal });
    }
    throw new XlError('xenstore-conflict', `a xenstore transaction met a conflicting change ${attempts} times`, {
      hint: 'something writes the same nodes all the time: xenstore-watch shows which',
    });
  }

  /** Watches a path and all below it, `@introduceDomain` or `@releaseDomain`; see Watch for what comes. */
  watch(path: string, options: WatchOptions = {}): Watch {
    return this.#session.watch(path, options);
  }

  /** Tells the store of a domain: the frame of its ring page and its event channel. */
  async introduce(domid: number, gfn: bigint, port: number, options?: RequestOptions): Promise<void> {
    await this.#tell('INTRODUCE', [`${domid}`, `${gfn}`, `${port}`], options);
  }

  /** Takes a domain away from the store. */
  async release(domid: number, options?: RequestOptions): Promise<void> {
    await this.#tell('RELEASE', [`${domid}`], options);
  }

  /** Says that a domain that was shut down runs again, so that its next shutdown is news. */
  async resume(domid: number, options?: RequestOptions): Promise<void> {
    await this.#tell('RESUME', [`${domid}`], options);
  }

  /** Gives `domid` the rights of `target`: for stub domains. */
  async setTarget(domid: number, target: number, options?: RequestOptions): Promise<void> {
    await this.#tell('SET_TARGET', [`${domid}`, `${target}`], options);
  }

  /** Where the domain's relative paths begin; any number has such a path. */
  async getDomainPath(domid: number, options?: RequestOptions): Promise<string> {
    return firstString(await this.#tell('GET_DOMAIN_PATH', [`${domid}`], options));
  }

  async isDomainIntroduced(domid: number, options?: RequestOptions): Promise<boolean> {
    return firstString(await this.#tell('IS_DOMAIN_INTRODUCED', [`${domid}`], options)) === 'T';
  }

  /**
   * The features that this xenstored can give to domains, as bits (XENSTORE_SERVER_FEATURE_* of xs_wire.h); null from one
   * that cannot say: GET_FEATURE is younger than Xen 4.22, and the oxenstored of 4.17 is silent to it.
   */
  async supportedFeatures(options?: RequestOptions): Promise<number | null> {
    try {
      const answer = firstString(await this.#tell('GET_FEATURE', [], { timeoutMs: FEATURES_TIMEOUT_MS, ...options }));
      return /^\d{1,10}$/.test(answer) ? Number(answer) : null;
    } catch (error) {
      if (isStoreFailure(error, 'ENOSYS')) return null;
      if (error instanceof XlError && error.code === 'xenstore-timeout') return null;
      throw error;
    }
  }

  /** Drops all watches and open transactions of this connection at the server; our own watches end quietly. */
  async resetWatches(options?: RequestOptions): Promise<void> {
    this.#session.forgetWatches();
    await this.#tell('RESET_WATCHES', [''], options);
  }

  /** The daemon's own commands: a word and its arguments; the text that it answers (`help` lists them). */
  async control(command: string, ...args: readonly string[]): Promise<string> {
    return wireText(await this.#tell('CONTROL', [command, ...args])).replace(/\0$/, '');
  }

  /** Ends the connection: watches end quietly, requests that still wait fail with `xenstore-gone`. */
  close(): void {
    this.#session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tell(name: MessageName, strings: readonly string[], options?: RequestOptions): Promise<Buffer> {
    const text = strings.map((string) => `${string}\0`).join('');
    return this.#session.request({ name, transactionId: 0, text }, options);
  }

  async #attempt<T>(
    body: (transaction: XenstoreView) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<{ committed: true; value: T } | { committed: false }> {
    const start = await this.#session.request({ name: 'TRANSACTION_START', transactionId: 0, text: '\0' }, { signal });
    const transactionId = Number.parseInt(firstString(start), 10);
    let open = true;
    const view = new XenstoreView((request, options) => {
      if (!open) throw new XlError('xenstore-transaction-over', 'the xenstore transaction has ended already');
      return this.#session.request(request, { signal, ...options });
    }, transactionId);
    const end = (how: 'T\0' | 'F\0', options?: RequestOptions): Promise<Buffer> => {
      open = false;
      return this.#session.request({ name: 'TRANSACTION_END', transactionId, text: how }, options);
    };
    let value: T;
    try {
      value = await body(view);
      signal?.throwIfAborted();
    } catch (error) {
      await end('F\0').catch(() => undefined);
      throw error;
    }
    try {
      await end('T\0', { signal });
      return { committed: true, value };
    } catch (error) {
      if (isStoreFailure(error, 'EAGAIN')) return { committed: false };
      throw error;
    }
  }
}

const firstString = (payload: Buffer): string => wireStrings(payload)[0] ?? '';
