import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../run/ports.ts';

/** The machine's own time. */
export const realClock: Clock = {
  now: () => Date.now() / 1000,
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};
