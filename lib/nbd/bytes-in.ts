/** Bytes that have come in pieces, and are taken in the sizes that a protocol has. */
export class BytesIn {
  #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The next so many bytes; null, and nothing taken, where there are fewer. */
  take(count: number): Uint8Array | null {
    if (this.#length < count) return null;
    const first = this.#pieces[0];
    if (first !== undefined && first.length >= count) return this.#cut(first, count);
    const bytes = new Uint8Array(count);
    for (let done = 0; done < count;) {
      const piece = this.takeUpTo(count - done);
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }

  /** What is there of the next so many bytes, as it came: at most one piece. Empty where nothing is there. */
  takeUpTo(count: number): Uint8Array {
    const first = this.#pieces[0];
    return first === undefined ? new Uint8Array() : this.#cut(first, Math.min(count, first.length));
  }

  #cut(first: Uint8Array, count: number): Uint8Array {
    this.#length -= count;
    if (first.length === count) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(count);
    return first.subarray(0, count);
  }
}
