/** The smallest buffer that is worth keeping, and the largest. */
const LEAST_BITS = 12;
const MOST_BITS = 21;

/**
 * Buffers that are used again: fresh ones of this size cost a page fault for every 4 KiB, and pile up until they are
 * collected.
 */
export class Buffers {
  readonly #free: Uint8Array[][] = Array.from({ length: MOST_BITS + 1 }, () => []);
  readonly #limit: number;
  #kept = 0;

  /** `limit`: bytes that are kept for later at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A buffer of at least so many bytes; what is in it is of no meaning. */
  take(length: number): Uint8Array {
    const bits = bitsFor(length);
    if (bits > MOST_BITS) return Buffer.allocUnsafeSlow(length);
    const kept = this.#free[bits]!.pop();
    if (kept === undefined) return Buffer.allocUnsafeSlow(2 ** bits);
    this.#kept -= kept.length;
    return kept;
  }

  /** Gives back a whole buffer that `take` gave, when nobody uses it any more. */
  give(buffer: Uint8Array): void {
    const bits = bitsFor(buffer.length);
    if (bits > MOST_BITS || 2 ** bits !== buffer.length || this.#kept + buffer.length > this.#limit) return;
    this.#kept += buffer.length;
    this.#free[bits]!.push(buffer);
  }
}

const bitsFor = (length: number): number => Math.max(LEAST_BITS, 32 - Math.clz32(length - 1));
