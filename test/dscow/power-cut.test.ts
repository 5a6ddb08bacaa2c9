import { describe, expect, test } from 'vitest';
import { chooseHeader, encodeHeader, type Header } from '../../lib/dscow/header.ts';
import { PAGE } from '../../lib/dscow/layout.ts';
import { Overlay, writeHeaderCopies } from '../../lib/dscow/overlay.ts';
import type { BlockFile } from '../../lib/dscow/file.ts';
import { PowerFile, randomFrom, sectorFile, type Random, type Sectors } from './power-file.ts';

const SECTOR = 512;

/** How many power cuts a run of this file looks at. */
const CUTS = Number(process.env.XL_TS_POWER_CUTS ?? 12_000);
const CUTS_A_LIFE = 20;

/** An image, and the sectors of it that a test writes. */
interface Shape {
  readonly name: string;
  readonly blockBits: number;
  readonly virtualSize: number;
  readonly baseSize: number;
  /** Stretches in sectors, from and to. */
  readonly windows: readonly (readonly [number, number])[];
}

const shapes: readonly Shape[] = [
  {
    name: 'a small image whose last block is cut, over a shorter base',
    blockBits: 12,
    virtualSize: 12 * 4096 - 1536,
    baseSize: 9 * 4096 + 700,
    windows: [[0, 93]],
  },
  {
    name: 'an image with several pages of bitmap',
    blockBits: 12,
    virtualSize: 3 * 32_768 * 4096,
    baseSize: 3 * 32_768 * 4096,
    windows: [
      [32_766 * 8, 32_770 * 8],
      [65_533 * 8, 65_538 * 8],
      [98_301 * 8, 98_304 * 8],
    ],
  },
  {
    name: 'larger blocks',
    blockBits: 13,
    virtualSize: 8 * 8192,
    baseSize: 8 * 8192,
    windows: [[0, 128]],
  },
];

/** Every sector of the base says which it is; what lies behind its end is zero. */
function baseSector(shape: Shape, sector: number): Uint8Array {
  const there = Math.min(SECTOR, Math.max(0, shape.baseSize - sector * SECTOR));
  return contentOf(baseId(sector)).fill(0, there);
}

const baseId = (sector: number): number => 0x8000_0000 + sector;

/** A sector's content by number: a sector that was torn would have two. */
const contentOf = (id: number): Uint8Array => new Uint8Array(new Uint32Array(SECTOR / 4).fill(id).buffer);

/** What a sector of the disk may read as: from the last flushed content on, all that came later. */
class Expectation {
  readonly #shape: Shape;
  readonly versions = new Map<number, number[]>();

  constructor(shape: Shape, versions?: ReadonlyMap<number, number[]>) {
    this.#shape = shape;
    for (const [sector, ids] of versions ?? []) this.versions.set(sector, [...ids]);
  }

  /** 0 stands for the base's content. */
  of = (sector: number): number[] => {
    let ids = this.versions.get(sector);
    if (ids === undefined) this.versions.set(sector, (ids = [0]));
    return ids;
  };

  /** Which content this is; -1 where it is none that anybody wrote. */
  idOf(sector: number, bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, SECTOR);
    const id = view.getUint32(0, true);
    let same = 4;
    while (same < SECTOR && view.getUint32(same, true) === id) same += 4;
    if (same === SECTOR && id !== 0 && id < 0x8000_0000) return id;
    return Buffer.compare(bytes, baseSector(this.#shape, sector)) === 0 ? 0 : -1;
  }

  /** Null where the sector may read so, else what is wrong. */
  problem(sector: number, bytes: Uint8Array): string | null {
    const id = this.idOf(sector, bytes);
    const allowed = this.versions.get(sector) ?? [0];
    if (allowed.includes(id)) return null;
    return `sector ${sector} reads as ${id}, but may be ${allowed.join(', ')}`;
  }
}

const baseOf = (shape: Shape): BlockFile =>
  sectorFile({
    get: (sector: number) => baseSector(shape, sector),
  } as unknown as Sectors);

async function created(shape: Shape): Promise<Sectors> {
  const header: Header = {
    virtualSize: shape.virtualSize,
    blockBits: shape.blockBits,
    inUse: false,
    committing: false,
    generation: 1,
    uuid: '12345678-9abc-4def-8123-456789abcdef',
    base: { path: '/base', size: shape.baseSize, mtimeNs: 0n, id: null },
    created: 0,
  };
  const file = new PowerFile(new Map(), () => 0);
  await writeHeaderCopies(file, encodeHeader(header));
  return file.cut(() => 0);
}

async function openOverlay(file: BlockFile, shape: Shape, readOnly: boolean): Promise<Overlay> {
  const [a, b] = [new Uint8Array(PAGE), new Uint8Array(PAGE)];
  await file.read(a, 0);
  await file.read(b, PAGE);
  return Overlay.open({ cow: file, base: baseOf(shape) }, chooseHeader(a, b, 'cut'), { readOnly });
}

/** What an image reads as, against what it may; every violation in words. `settle`: from now on it is that. */
async function verify(image: Sectors, shape: Shape, expected: Expectation, settle: boolean): Promise<string[]> {
  const overlay = await openOverlay(sectorFile(image), shape, true);
  const problems: string[] = [];
  for (const [from, to] of shape.windows) {
    const bytes = new Uint8Array((to - from) * SECTOR);
    await overlay.read(bytes, from * SECTOR);
    for (let sector = from; sector < to; sector++) {
      const content = bytes.subarray((sector - from) * SECTOR, (sector - from + 1) * SECTOR);
      const problem = expected.problem(sector, content);
      if (problem !== null) problems.push(problem);
      if (settle) expected.versions.set(sector, [expected.idOf(sector, content)]);
    }
  }
  return problems;
}

interface Life {
  readonly violations: string[];
  readonly cuts: number;
  /** What the disk has after the life's end, and what it reads as. */
  readonly left: Sectors;
  readonly known: Expectation;
}

/** One life of an overlay from open to power cut, with writes and flushes at once, and cuts looked at on the way. */
async function live(
  shape: Shape,
  start: Sectors,
  known: Expectation,
  random: Random,
  wrap: (file: PowerFile) => BlockFile = (file) => file,
): Promise<Life> {
  const file = new PowerFile(start, random);
  const expected = new Expectation(shape, known.versions);
  const cuts: { image: Sectors; expected: Expectation }[] = [];
  file.onEvent = () => {
    if (cuts.length < CUTS_A_LIFE && random(12) === 0) {
      cuts.push({ image: file.cut(random), expected: new Expectation(shape, expected.versions) });
    }
  };
  const overlay = await openOverlay(wrap(file), shape, false);
  const busy = new Set<number>();
  let nextId = 1 + random(2 ** 20) * 256;
  const lane = async (): Promise<void> => {
    for (let step = 0; step < 5; step++) {
      if (random(4) === 0) await flush();
      else await write();
    }
  };
  const write = async (): Promise<void> => {
    const [from, to] = shape.windows[random(shape.windows.length)]!;
    const first = from + random(to - from);
    const end = Math.min(to, first + 1 + random(random(3) === 0 ? 24 : 6));
    const sectors = Array.from({ length: end - first }, (_, index) => first + index);
    // Two writes of one sector at once may end in any order, on any disk.
    if (sectors.some((sector) => busy.has(sector))) return;
    for (const sector of sectors) busy.add(sector);
    const id = nextId++;
    for (const sector of sectors) expected.of(sector).push(id);
    const bytes = Buffer.concat(sectors.map(() => contentOf(id)));
    await overlay.write([bytes], first * SECTOR);
    for (const sector of sectors) busy.delete(sector);
  };
  const flush = async (): Promise<void> => {
    // What was written and acknowledged by now must be there when the flush has ended.
    const floors = [...expected.versions].flatMap(([sector, ids]) =>
      busy.has(sector) ? [] : [{ sector, id: ids.at(-1)! }],
    );
    await overlay.flush();
    for (const { sector, id } of floors) {
      const ids = expected.of(sector);
      const index = ids.lastIndexOf(id);
      if (index > 0) ids.splice(0, index);
    }
  };
  await Promise.all(Array.from({ length: 1 + random(4) }, lane));
  if (random(4) === 0) {
    await overlay.close();
    for (const [sector, ids] of expected.versions) expected.versions.set(sector, [ids.at(-1)!]);
  }
  cuts.push({ image: file.cut(random), expected });
  const violations: string[] = [];
  for (const cut of cuts) violations.push(...(await verify(cut.image, shape, cut.expected, cut === cuts.at(-1))));
  return { violations, cuts: cuts.length, left: cuts.at(-1)!.image, known: expected };
}

/** Lives of one overlay after another, each beginning with what the last cut left. */
async function lives(
  shape: Shape,
  seed: number,
  cuts: number,
  wrap?: (file: PowerFile) => BlockFile,
): Promise<{ violations: string[]; cuts: number }> {
  const random = randomFrom(seed);
  const violations: string[] = [];
  let done = 0;
  let left = await created(shape);
  let known = new Expectation(shape);
  for (let age = 0; done < cuts; age++) {
    // A new overlay now and then: where all blocks are changed there is not much to go wrong.
    if (age % 4 === 0) [left, known] = [await created(shape), new Expectation(shape)];
    const life = await live(shape, left, known, random, wrap);
    violations.push(...life.violations);
    done += life.cuts;
    ({ left, known } = life);
    if (violations.length > 0) break;
  }
  return { violations, cuts: done };
}

describe('after a power cut at any moment', () => {
  test.each(shapes)(
    `$name: what was flushed is there, nothing is torn`,
    async (shape) => {
      const seed = Number(process.env.XL_TS_SEED ?? Date.now() % 2 ** 31);
      const { violations, cuts } = await lives(shape, seed, CUTS / shapes.length);
      expect(violations, `seed ${seed}`).toEqual([]);
      expect(cuts).toBeGreaterThanOrEqual(CUTS / shapes.length);
    },
    3_600_000,
  );
});

describe('this test finds', () => {
  const shape = shapes[0]!;

  test('a disk that lies about having synced', async () => {
    const lying = (file: PowerFile): BlockFile => ({
      read: (target, offset) => file.read(target, offset),
      write: (pieces, offset) => file.write(pieces, offset),
      sync: () => Promise.resolve(),
      close: () => file.close(),
    });
    expect((await lives(shape, 1, 5_000, lying)).violations).not.toEqual([]);
  });

  test('a bitmap that is written before the data is safe', async () => {
    const early = (file: PowerFile): BlockFile => {
      let syncs = 0;
      return {
        read: (target, offset) => file.read(target, offset),
        write: (pieces, offset) => file.write(pieces, offset),
        // The first two pairs are the header's; of each later pair the first is left out.
        sync: () => (syncs++ % 2 === 0 && syncs > 2 ? Promise.resolve() : file.sync()),
        close: () => file.close(),
      };
    };
    expect((await lives(shape, 1, 20_000, early)).violations).not.toEqual([]);
  });
});
