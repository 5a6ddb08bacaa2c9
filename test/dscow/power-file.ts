import type { BlockFile } from '../../lib/dscow/file.ts';

const SECTOR = 512;

/** What stands on a disk: sectors by number; the others are zero. */
export type Sectors = ReadonlyMap<number, Uint8Array>;

/** A number from 0 up to below the bound. */
export type Random = (bound: number) => number;

/** A generator of numbers that gives the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * bound) | 0;
  };
}

/** One sector as it was at different times: the first is on the disk for sure, each later one may be. */
interface History {
  versions: { readonly bytes: Uint8Array; readonly write: { returned: boolean } }[];
}

/**
 * A file whose machine may lose power at any moment. It keeps of every sector all the contents that the disk may have
 * then: what a finished sync covers and everything written since, in any mixture of sectors, as disks are free to write
 * in any order. Only writes that had returned before a sync began are covered by it. Operations take a random while, and
 * take their bytes at their beginning or at their end, as a kernel may.
 */
export class PowerFile implements BlockFile {
  readonly #sectors = new Map<number, History>();
  readonly #random: Random;
  /** Called at every moment at which something has changed. */
  onEvent: () => void = () => undefined;

  constructor(content: Sectors, random: Random) {
    this.#random = random;
    const write = { returned: true };
    for (const [sector, bytes] of content) this.#sectors.set(sector, { versions: [{ bytes, write }] });
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    await this.#aWhile();
    readSectors((sector) => this.#sectors.get(sector)?.versions.at(-1)?.bytes, target, offset);
  }

  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const write = { returned: false };
    const late = this.#random(2) === 1;
    if (!late) this.#put(pieces, offset, write);
    this.onEvent();
    await this.#aWhile();
    if (late) this.#put(pieces, offset, write);
    write.returned = true;
    this.onEvent();
  }

  async sync(): Promise<void> {
    const covered = new Map<History, object>();
    for (const history of this.#sectors.values()) {
      const last = history.versions.findLast(({ write }) => write.returned);
      if (last !== undefined) covered.set(history, last);
    }
    this.onEvent();
    await this.#aWhile();
    for (const [history, last] of covered) {
      const index = history.versions.findIndex((version) => version === last);
      if (index > 0) history.versions = history.versions.slice(index);
    }
    this.onEvent();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What the disk may have if the power goes now; one of many. */
  cut(random: Random): Sectors {
    const mode = random(4);
    const kept = new Map<object, boolean>();
    const image = new Map<number, Uint8Array>();
    for (const [sector, { versions }] of this.#sectors) {
      const chosen =
        mode === 0
          ? versions[0]
          : mode === 1
            ? versions.at(-1)
            : mode === 2
              ? versions[random(versions.length)]
              : (versions.findLast(({ write }, index) => {
                  if (index === 0) return true;
                  if (!kept.has(write)) kept.set(write, random(2) === 1);
                  return kept.get(write) === true;
                }) ?? versions[0]);
      if (chosen !== undefined) image.set(sector, chosen.bytes);
    }
    return image;
  }

  #put(pieces: readonly Uint8Array[], offset: number, write: { returned: boolean }): void {
    const bytes = Buffer.concat(pieces);
    if (offset % SECTOR !== 0 || bytes.length % SECTOR !== 0) throw new Error('a disk takes whole sectors only');
    for (let at = 0; at < bytes.length; at += SECTOR) {
      const sector = (offset + at) / SECTOR;
      let history = this.#sectors.get(sector);
      if (history === undefined) {
        const before = { bytes: new Uint8Array(SECTOR), write: { returned: true } };
        this.#sectors.set(sector, (history = { versions: [before] }));
      }
      history.versions.push({ bytes: bytes.subarray(at, at + SECTOR), write });
    }
  }

  async #aWhile(): Promise<void> {
    for (let turns = this.#random(8); turns >= 0; turns--) await Promise.resolve();
  }
}

/** A file of given sectors that is only read. */
export function sectorFile(sectors: Sectors): BlockFile {
  const refuse = () => Promise.reject(new Error('this file is only read'));
  return {
    read: (target, offset) => {
      readSectors((sector) => sectors.get(sector), target, offset);
      return Promise.resolve();
    },
    write: refuse,
    sync: refuse,
    close: () => Promise.resolve(),
  };
}

function readSectors(find: (sector: number) => Uint8Array | undefined, target: Uint8Array, offset: number): void {
  for (let done = 0; done < target.length;) {
    const at = (offset + done) % SECTOR;
    const length = Math.min(SECTOR - at, target.length - done);
    const bytes = find(Math.floor((offset + done) / SECTOR));
    if (bytes === undefined) target.fill(0, done, done + length);
    else target.set(bytes.subarray(at, at + length), done);
    done += length;
  }
}
