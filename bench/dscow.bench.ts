import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** One comparison: how many times as fast as the other we are, and the figures behind it. */
export interface Measure {
  readonly name: string;
  readonly ratio: number;
  readonly target: string;
  readonly detail: string;
}

const IMAGE_MIB = 256;
const ROUNDS = 3;
const SIZES = [
  { name: '4 KiB', bytes: 4096, count: 6000, target: 0.5 },
  { name: '64 KiB', bytes: 65_536, count: 2000, target: 1 },
  { name: '1 MiB', bytes: 1_048_576, count: 200, target: 1 },
] as const;

interface Side {
  readonly uri: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Our server of an overlay against qemu-nbd with a qcow2 overlay, over the same base, driven by `qemu-img bench`: in order
 * and scattered, reads and writes, one and sixteen at a time. Pairs back to back, the middle one of three ratios counts.
 */
export async function bench(): Promise<Measure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'xl-dscow-bench-'));
  try {
    writeFileSync(join(directory, 'base.img'), Buffer.alloc(IMAGE_MIB * 1024 * 1024, 'base'));
    const [ours, theirs] = [await startOurs(directory), await startTheirs(directory)];
    const measures: Measure[] = [];
    try {
      for (const order of ['in order', 'scattered'] as const) {
        for (const kind of ['read', 'write'] as const) {
          for (const size of SIZES) {
            for (const depth of [1, 16]) measures.push(await compare({ order, kind, size, depth }, ours, theirs));
          }
        }
      }
      const kib = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${ours.pid}/status`, 'utf8'))![1]);
      measures.push({
        name: 'dscow: memory of the server after all of this',
        ratio: kib / 1024 / 128,
        target: '≤ 1.00 ×',
        detail: `${Math.round(kib / 1024)} MiB at most, of 128`,
      });
    } finally {
      await ours.stop();
      await theirs.stop();
    }
    return measures;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Work {
  readonly order: 'in order' | 'scattered';
  readonly kind: 'read' | 'write';
  readonly size: (typeof SIZES)[number];
  readonly depth: number;
}

async function compare(work: Work, ours: Side, theirs: Side): Promise<Measure> {
  const pairs: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    pairs.push({ theirs: await seconds(theirs, work), ours: await seconds(ours, work) });
  }
  const ratio = (pair: { ours: number; theirs: number }) => pair.theirs / pair.ours;
  const middle = pairs.sort((one, other) => ratio(one) - ratio(other))[Math.floor(ROUNDS / 2)]!;
  const { order, kind, size, depth } = work;
  const rate = (time: number) => `${Math.round((size.bytes * size.count) / time / 1024 / 1024)} MiB/s`;
  return {
    name: `dscow: ${kind} ${size.name} ${order}, ${depth} at a time, against qemu-nbd`,
    ratio: ratio(middle),
    target: `≥ ${size.target.toFixed(2)} ×`,
    detail: `ours ${rate(middle.ours)}, qemu-nbd ${rate(middle.theirs)}`,
  };
}

/** Scattered: steps of a prime number of blocks, which come round to every place. */
async function seconds({ uri }: Side, { order, kind, size, depth }: Work): Promise<number> {
  const step = order === 'in order' ? size.bytes : size.bytes * 37;
  const words = ['bench', '-f', 'raw', '-t', 'none', '-c', String(size.count), '-d', String(depth)];
  const more = ['-s', String(size.bytes), '-S', String(step), ...(kind === 'write' ? ['-w'] : []), uri];
  const { stdout } = await promisify(execFile)('qemu-img', [...words, ...more]);
  return Number(/completed in ([\d.]+) seconds/.exec(stdout)![1]);
}

async function startOurs(directory: string): Promise<Side> {
  const program = join(process.env.XL_TS_ROOT ?? '.', 'dist/xl.cjs');
  const env = { ...process.env, XL_STATE_DIR: join(directory, 'state') };
  const xl = (...words: string[]) => execFileSync(process.execPath, [program, 'dscow', ...words], { env }).toString();
  xl('create', join(directory, 'ours.dscow'), join(directory, 'base.img'));
  const { socket, pid } = JSON.parse(xl('serve', '--json', join(directory, 'ours.dscow'))) as {
    socket: string;
    pid: number;
  };
  return await Promise.resolve({
    uri: `nbd+unix:///ours?socket=${socket}`,
    pid,
    stop: async () => Promise.resolve(void xl('detach', 'ours')),
  });
}

async function startTheirs(directory: string): Promise<Side> {
  const [overlay, socket] = [join(directory, 'theirs.qcow2'), join(directory, 'theirs.sock')];
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', join(directory, 'base.img'), '-F', 'raw', overlay]);
  const child = spawn('qemu-nbd', ['-f', 'qcow2', '-t', '-e', '8', '-k', socket, overlay], { stdio: 'ignore' });
  while (!existsSync(socket)) await sleep(10);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    uri: `nbd+unix:///?socket=${socket}`,
    pid: child.pid!,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
