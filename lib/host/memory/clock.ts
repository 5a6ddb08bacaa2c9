import type { Clock } from '../../run/ports.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** One for all: whoever breaks a sleep off knows why. */
const BROKEN_OFF = new Error('the sleep was broken off');

/**
 * A clock whose time passes only when nothing else happens: as soon as everybody sleeps, it jumps to the first who
 * is to wake. So bounds of minutes are tested in no time, and always in the same order.
 */
export class VirtualClock implements Clock {
  private elapsed = 0;
  private readonly sleepers = new Set<Sleeper>();
  private activity = 0;
  private seenActivity = -1;
  private ticking = false;

  now(): number {
    return 1_700_000_000 + this.elapsed / 1000;
  }

  monotonic(): number {
    return this.elapsed;
  }

  /** Says that somebody is at work: time does not pass before the event loop has come round without it. */
  busy(): void {
    this.activity += 1;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(BROKEN_OFF);
        return;
      }
      const sleeper = { due: this.elapsed + ms, wake: () => this.end(sleeper, signal, breakOff, resolve) };
      const breakOff = (): void => this.end(sleeper, signal, breakOff, () => reject(BROKEN_OFF));
      signal.addEventListener('abort', breakOff, { once: true });
      this.sleepers.add(sleeper);
      this.tickLater();
    });
  }

  /** Resolves when nobody sleeps any more. */
  async settled(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.sleepers.size > 0);
  }

  private end(sleeper: Sleeper, signal: AbortSignal, breakOff: () => void, settle: () => void): void {
    this.sleepers.delete(sleeper);
    signal.removeEventListener('abort', breakOff);
    this.busy();
    settle();
  }

  private tickLater(): void {
    if (this.ticking) return;
    this.ticking = true;
    setImmediate(() => this.tick());
  }

  private tick(): void {
    this.ticking = false;
    const quiet = this.activity === this.seenActivity;
    this.seenActivity = this.activity;
    if (quiet) this.wakeFirst();
    if (this.sleepers.size > 0) this.tickLater();
  }

  private wakeFirst(): void {
    let first: Sleeper | null = null;
    for (const sleeper of this.sleepers) if (first === null || sleeper.due < first.due) first = sleeper;
    if (first === null) return;
    this.elapsed = Math.max(this.elapsed, first.due);
    first.wake();
  }
}
