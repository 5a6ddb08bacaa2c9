import type { Mapping } from '../../sys/sys.ts';
import { PAGE_SIZE } from '../../xen/abi/hypercall.ts';

/** Bytes at an address that the hypervisor may read and write while a call runs. */
export interface HypercallBuffer {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Where the arena's pages come from: /dev/xen/hypercall, whose pages never move. */
export interface HypercallPages {
  map(bytes: number): Mapping;
  unmap(mapping: Mapping): void;
}

/** Enough for all but the long lists of frames: their calls get pages of their own. */
const KEPT_BYTES = 16 * PAGE_SIZE;

/**
 * Memory for hypercalls' arguments, handed out like a stack: what is taken inside `scoped` is given back at its end.
 * Xen follows the pointers of an argument, so whatever they lead to must be from here: never a buffer of V8's.
 */
export class HypercallArena {
  private readonly pages: HypercallPages;
  private kept: Mapping | null = null;
  private used = 0;
  private extra: Mapping[] = [];

  constructor(pages: HypercallPages) {
    this.pages = pages;
  }

  /** Runs the body; every buffer taken in it is gone afterwards. Scopes nest. */
  scoped<T>(body: () => T): T {
    const before = { used: this.used, extra: this.extra };
    this.extra = [];
    try {
      return body();
    } finally {
      this.extra.forEach((mapping) => this.pages.unmap(mapping));
      this.used = before.used;
      this.extra = before.extra;
    }
  }

  /** Zeroed bytes at an address that is a multiple of 8. Only inside `scoped`. */
  room(size: number): HypercallBuffer {
    this.kept ??= this.pages.map(KEPT_BYTES);
    if (this.used + size > KEPT_BYTES) {
      const own = this.pages.map(Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
      this.extra.push(own);
      return { address: own.address, bytes: new Uint8Array(own.memory, 0, size) };
    }
    const at = this.used;
    this.used += Math.ceil(size / 8) * 8;
    return { address: this.kept.address + at, bytes: new Uint8Array(this.kept.memory, at, size).fill(0) };
  }

  /** The bytes, copied to where the hypervisor may read them. */
  place(content: Uint8Array): HypercallBuffer {
    const buffer = this.room(content.length);
    buffer.bytes.set(content);
    return buffer;
  }

  /** Gives the pages back. No buffer may be touched any more. */
  close(): void {
    if (this.kept !== null) this.pages.unmap(this.kept);
    this.kept = null;
    this.used = 0;
  }
}
