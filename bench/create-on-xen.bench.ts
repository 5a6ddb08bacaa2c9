import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  KERNEL,
  startPretendHost,
  whyNoPretendHost,
  type PretendHost,
  type Toolstack,
} from '../test/support/pretend-host.ts';

const ROUNDS = 7;
const DISKS = 8;
const OTHER_DOMAINS = 1000;

interface Row {
  readonly name: string;
  readonly ratio: number;
  readonly target: string;
  readonly detail: string;
}

/**
 * `create -p` and the `destroy` after it are done in turns by our xl and by stock xl, on the real xenstored and a
 * pretended hypervisor that answers at once; only `create` is measured. Stock xl has its disks served by Xen's block
 * script, which is what it always does. So this compares the toolstacks: Xen's own work is not in it.
 */
export async function bench(): Promise<Row[]> {
  const reason = whyNoPretendHost();
  if (reason !== null) {
    process.stderr.write(`create-on-xen.bench: left out, as ${reason}\n`);
    return [];
  }
  const directory = mkdtempSync(join(tmpdir(), 'xl-ts-bench-create-'));
  const host = await startPretendHost();
  const loops: string[] = [];
  try {
    for (let disk = 0; disk < DISKS; disk += 1) loops.push(makeLoopDevice(join(directory, `disk-${disk}.img`)));
    const plain = configuration(directory, 'plain', []);
    const wide = configuration(directory, 'wide', loops);
    const rows = [
      await compare(host, wide, `create of a PVH guest with ${DISKS} phy disks`, '≤ 0.6 × stock xl'),
      await compare(host, plain, 'create of a PVH guest without disks', '≤ 2 × stock xl'),
    ];
    rows.push(...(await compareCounts(host, wide)));
    const alone = await series(host, wide, 'ours');
    await crowd(host);
    rows.push(
      row(`the same with ${DISKS} disks beside ${OTHER_DOMAINS} domains`, '≤ 1.1 × without them', {
        measured: await series(host, wide, 'ours'),
        against: alone,
        name: 'without them',
      }),
    );
    return rows;
  } finally {
    await host.stop();
    for (const loop of loops) execFileSync('losetup', ['-d', loop]);
    rmSync(directory, { recursive: true, force: true });
  }
}

function makeLoopDevice(image: string): string {
  writeFileSync(image, '');
  truncateSync(image, 2 ** 20);
  return execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
}

function configuration(directory: string, name: string, disks: readonly string[]): string {
  const file = join(directory, `${name}.cfg`);
  const specs = disks.map((path, index) => `"phy:${path},xvd${'abcdefgh'[index] ?? ''},w"`);
  writeFileSync(
    file,
    `name = "${name}"\ntype = "pvh"\nkernel = "${KERNEL}"\nmemory = 64\nvcpus = 1\ndisk = [ ${specs.join(', ')} ]\n`,
  );
  return file;
}

async function created(host: PretendHost, file: string, which: Toolstack): Promise<number> {
  const took = await host.xl(which, 'create', '-p', '-q', '-e', file);
  await host.xl(which, 'destroy', '1');
  return took;
}

async function compare(host: PretendHost, file: string, name: string, target: string): Promise<Row> {
  const ours: number[] = [];
  const stock: number[] = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const pair = [await created(host, file, 'ours'), await created(host, file, 'stock')] as const;
    if (round < 0) continue;
    ours.push(pair[0]);
    stock.push(pair[1]);
  }
  return row(name, target, { measured: ours, against: stock, name: 'stock' });
}

/** What one `create` with disks asks of xenstored and of Xen, its scripts included. */
async function compareCounts(host: PretendHost, file: string): Promise<Row[]> {
  const counts = async (which: Toolstack) => {
    const counted = await host.counted(which, 'create', '-p', '-q', '-e', file);
    await host.xl(which, 'destroy', '1');
    return counted;
  };
  const [ours, stock] = [await counts('ours'), await counts('stock')];
  const kinds = {
    requests: 'xenstore requests',
    roundTrips: 'round trips to xenstored',
    hypercalls: 'hypercalls',
  } as const;
  return (Object.keys(kinds) as (keyof typeof kinds)[]).map((kind) => ({
    name: `${kinds[kind]} of create with ${DISKS} disks`,
    ratio: ours[kind] / stock[kind],
    target: kind === 'requests' ? '≤ 0.5 × stock xl' : '≤ 1 × stock xl',
    detail: `${ours[kind]}, stock ${stock[kind]}`,
  }));
}

async function series(host: PretendHost, file: string, which: Toolstack): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await created(host, file, which));
  return times;
}

/** The nodes of many other domains, as a toolstack leaves them. */
async function crowd({ store }: PretendHost): Promise<void> {
  for (let domid = 100; domid < 100 + OTHER_DOMAINS; domid += 1) {
    await Promise.all([
      store.write(`/local/domain/${domid}/name`, `other-${domid}`),
      store.write(`/local/domain/${domid}/domid`, `${domid}`),
      store.write(`/local/domain/${domid}/vm`, `/vm/${domid}`),
      store.write(`/vm/${domid}/name`, `other-${domid}`),
      store.write(`/libxl/${domid}/type`, 'pvh'),
      store.write(`/local/domain/0/backend/vbd/${domid}/51712/params`, `/images/${domid}.img`),
      store.write(`/local/domain/0/backend/vbd/${domid}/51712/physical-device`, `fd:${domid.toString(16)}`),
      store.write(`/local/domain/0/backend/vbd/${domid}/51712/mode`, 'w'),
    ]);
  }
}

function row(
  name: string,
  target: string,
  { measured, against, name: other }: { measured: readonly number[]; against: readonly number[]; name: string },
): Row {
  const [mine, theirs] = [median(measured), median(against)];
  const detail = `${mine.toFixed(0)} ms, ${other} ${theirs.toFixed(0)} ms, medians of ${ROUNDS}`;
  return { name, ratio: mine / theirs, target, detail };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!;
}
