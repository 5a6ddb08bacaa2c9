import { XlError } from '../../base/error.ts';
import { OVER } from '../bounds.ts';
import type { ActionContext } from '../context.ts';

/** After so long a wait tells the user what it waits for, in milliseconds. */
const NOTICE_MS = 500;

export interface NodeWatch {
  readonly path: string;
  readonly subject: string;
  readonly timeoutMs: number;
  /** Looks at each value (null: no node): true ends the wait, a throw fails it. */
  readonly enough: (value: string | null) => boolean;
  /** Ends the wait when it settles: what happens here cannot come any more. */
  readonly interrupted?: Promise<unknown>;
}

/** How a wait ended, and what the node held when last looked at. */
export interface NodeSeen {
  readonly end: 'enough' | 'timeout' | 'interrupted';
  readonly value: string | null;
}

/** Watches a node until its value is enough, the bound is over or the run stops (then it throws the reason). */
export async function watchNode(watch: NodeWatch, context: ActionContext): Promise<NodeSeen> {
  const { clock, store } = context.ports;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  let value: string | null = null;

  const look = async (): Promise<'enough' | 'ended'> => {
    const changes = store.watch(watch.path, { signal })[Symbol.asyncIterator]();
    while ((await changes.next()).done !== true) {
      value = await store.read(watch.path);
      if (watch.enough(value)) return 'enough';
    }
    return 'ended';
  };
  const notice = async (): Promise<void> => {
    await clock.sleep(Math.min(NOTICE_MS, watch.timeoutMs), signal);
    if (watch.timeoutMs > NOTICE_MS) context.waiting(watch.subject, watch.timeoutMs);
  };

  const looking = look();
  const late = clock.sleep(watch.timeoutMs, signal).then(() => 'timeout' as const);
  const interrupted = (watch.interrupted ?? new Promise<never>(() => undefined)).then(() => 'interrupted' as const);
  // Those that lose the race reject when `over` fires; their words are of no use then.
  for (const loser of [looking, late, notice()]) loser.catch(() => undefined);
  try {
    const end = await Promise.race([looking, late, interrupted]);
    context.signal.throwIfAborted();
    if (end === 'ended') throw storeGone(watch.path);
    return { end, value };
  } catch (error) {
    context.signal.throwIfAborted();
    throw error;
  } finally {
    over.abort(OVER);
  }
}

const storeGone = (path: string): XlError =>
  new XlError('xenstore-gone', `xenstore went away while ${path} was watched`, {
    hint: 'see whether xenstored (on the embedded host: `xl host status`) still runs',
  });
