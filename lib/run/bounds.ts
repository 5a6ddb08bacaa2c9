import { XlError } from '../base/error.ts';
import type { Clock } from './ports.ts';

/** How long something that was told to stop may take to do so, in milliseconds. */
const STOP_GRACE_MS = 5_000;

/** Why what lost a race is told to stop. One for all: an abort without a reason makes an error each time. */
export const OVER = new Error('it is over');

/** The error of a run that the user broke off. 130 is what a shell shows for a command ended by Ctrl-C. */
export const abortedError = (title: string): XlError =>
  new XlError('aborted', `${title}: broken off`, { exitCode: 130, hint: 'what had been done was taken back' });

/**
 * Does work within a bound: past it, or when `signal` fires, the work is told to stop and gets a short grace. Work
 * that ends well in the grace has ended well. Throws `late()` on time-out and the signal's reason on abort.
 */
export async function within<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  late: () => XlError,
): Promise<T> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const stopSignal = AbortSignal.any([signal, stop.signal]);
  const bound = new AbortController();
  const running = work(stopSignal);
  try {
    const limit = clock.sleep(timeoutMs, AbortSignal.any([signal, bound.signal]));
    if ((await first(running, limit)) === 'running') return await running;
    const reason: unknown = signal.aborted ? signal.reason : late();
    stop.abort(reason);
    if ((await first(running, clock.sleep(STOP_GRACE_MS, bound.signal))) === 'running') return await running;
    throw reason;
  } finally {
    bound.abort(OVER);
  }
}

/** Which of the two settles first, whether it goes well or not; neither rejection is lost or left unhandled. */
function first(running: Promise<unknown>, limit: Promise<void>): Promise<'running' | 'limit'> {
  return Promise.race([
    running.then(
      () => 'running' as const,
      () => 'running' as const,
    ),
    limit.then(
      () => 'limit' as const,
      () => 'limit' as const,
    ),
  ]);
}
