interface Range {
  readonly first: number;
  readonly last: number;
}

interface Waiter {
  readonly range: Range;
  readonly go: () => void;
}

/** Numbers that one may have at a time, by ranges; who overlaps waits, in the order of coming. */
export class RangeLock {
  readonly #held = new Set<Range>();
  #waiting: readonly Waiter[] = [];

  /** Takes the numbers from first to last, both included; resolves to the function that gives them back. */
  async take(first: number, last: number): Promise<() => void> {
    const range = { first, last };
    if (this.#isFree(range, this.#waiting)) this.#held.add(range);
    else await new Promise<void>((go) => (this.#waiting = [...this.#waiting, { range, go }]));
    return () => this.#giveBack(range);
  }

  /** Neither somebody who holds it overlaps nor somebody who came before and waits. */
  #isFree(range: Range, before: readonly Waiter[]): boolean {
    for (const other of this.#held) if (overlap(range, other)) return false;
    return !before.some((other) => overlap(range, other.range));
  }

  #giveBack(range: Range): void {
    this.#held.delete(range);
    const still: Waiter[] = [];
    for (const waiter of this.#waiting) {
      if (this.#isFree(waiter.range, still)) {
        this.#held.add(waiter.range);
        waiter.go();
      } else still.push(waiter);
    }
    this.#waiting = still;
  }
}

const overlap = (one: Range, other: Range): boolean => one.first <= other.last && other.first <= one.last;
