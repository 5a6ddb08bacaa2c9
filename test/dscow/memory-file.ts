import type { BlockFile } from '../../lib/dscow/file.ts';

/** A BlockFile in memory, sparse by pages, that also counts what is done to it. */
export class MemoryFile implements BlockFile {
  readonly pages = new Map<number, Uint8Array>();
  writes = 0;
  syncs = 0;
  closed = false;
  /** Thrown by the next sync, once. */
  syncError: Error | null = null;
  /** Thrown by the next write, once. */
  writeError: Error | null = null;

  constructor(content: Uint8Array = new Uint8Array()) {
    this.put(content, 0);
    this.writes = 0;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    await Promise.resolve();
    for (let done = 0; done < target.length;) {
      const [page, at] = place(offset + done);
      const length = Math.min(PAGE - at, target.length - done);
      const bytes = this.pages.get(page);
      if (bytes === undefined) target.fill(0, done, done + length);
      else target.set(bytes.subarray(at, at + length), done);
      done += length;
    }
  }

  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    await Promise.resolve();
    const error = this.writeError;
    this.writeError = null;
    if (error !== null) throw error;
    this.writes++;
    let at = offset;
    for (const piece of pieces) {
      this.put(piece, at);
      at += piece.length;
    }
  }

  async sync(): Promise<void> {
    await Promise.resolve();
    const error = this.syncError;
    this.syncError = null;
    if (error !== null) throw error;
    this.syncs++;
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  put(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length;) {
      const [page, at] = place(offset + done);
      const length = Math.min(PAGE - at, bytes.length - done);
      let content = this.pages.get(page);
      if (content === undefined) this.pages.set(page, (content = new Uint8Array(PAGE)));
      content.set(bytes.subarray(done, done + length), at);
      done += length;
    }
  }
}

const PAGE = 4096;
const place = (offset: number): [page: number, at: number] => [Math.floor(offset / PAGE), offset % PAGE];
