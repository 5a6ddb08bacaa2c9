import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROUNDS = 7;
const root = process.env.XL_TS_ROOT ?? '.';
const program = join(root, 'dist/xl.cjs');

/** From `xl create -c` to the guest's first words on its console, against the same QEMU started by hand. In turns. */
export async function bench(): Promise<{ name: string; ratio: number; target: string; detail: string }[]> {
  if (!existsSync(join(root, '.cache/guest/root.img'))) {
    process.stderr.write('create.bench: left out, as there is no example guest; `npm run setup` makes it\n');
    return [];
  }
  const directory = mkdtempSync(join(tmpdir(), 'xl-b-'));
  const guest = prepare(directory);
  try {
    xl(guest, 'list');
    const ours: number[] = [];
    const byHand: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const pair = [await createdByUs(guest), await startedByHand(guest, directory)] as const;
      if (round < 0) continue;
      ours.push(pair[0]);
      byHand.push(pair[1]);
    }
    const [mine, theirs] = [median(ours), median(byHand)];
    return [
      {
        name: 'xl create to the first console line',
        ratio: mine / theirs,
        target: '≤ 1.15 × QEMU by hand',
        detail: `${mine.toFixed(0)} ms, by hand ${theirs.toFixed(0)} ms, medians of ${ROUNDS} pairs`,
      },
    ];
  } finally {
    xl(guest, 'host', 'stop');
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Guest {
  readonly config: string;
  readonly image: string;
  readonly environment: NodeJS.ProcessEnv;
}

function prepare(directory: string): Guest {
  const state = join(directory, 's');
  mkdirSync(state, { mode: 0o700 });
  const image = join(directory, 'root.img');
  copyFileSync(join(root, '.cache/guest/root.img'), image);
  const config = join(directory, 'bench.cfg');
  const example = readFileSync(join(root, 'examples/hello-pvh.cfg'), 'utf8');
  writeFileSync(config, example.replaceAll('.cache/guest/root.img', image));
  return { config, image, environment: { ...process.env, XL_STATE_DIR: state, XL_HOST: 'embedded', XL_ACCEL: 'tcg' } };
}

function xl({ environment }: Guest, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { cwd: root, env: environment });
  if (status !== 0) throw new Error(`xl ${words.join(' ')} ended with ${String(status)}: ${stderr.toString()}`);
  return stdout.toString();
}

async function createdByUs(guest: Guest): Promise<number> {
  const begun = performance.now();
  const child = spawn(process.execPath, [program, 'create', '-q', '-c', guest.config], {
    cwd: root,
    env: guest.environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await firstWords(child);
  const took = performance.now() - begun;
  await ended(child);
  xl(guest, 'destroy', 'hello');
  return took;
}

/** The command line of the plan, with the disk on it instead of plugged, and without the wait for our `cont`. */
async function startedByHand(guest: Guest, directory: string): Promise<number> {
  const socket = join(directory, 'console.sock');
  const [binary = '', ...words] = commandLine(guest, directory, socket);
  const drive = [
    '-drive',
    `file=${guest.image},if=none,id=d,format=raw`,
    '-device',
    'virtio-blk-pci,drive=d,serial=xvda',
  ];
  const begun = performance.now();
  const child = spawn(binary, [...words, ...drive], { cwd: root, stdio: 'ignore' });
  await answered(socket);
  const took = performance.now() - begun;
  await ended(child);
  rmSync(socket, { force: true });
  return took;
}

function commandLine(guest: Guest, directory: string, socket: string): string[] {
  const plan = JSON.parse(xl(guest, 'create', '-q', '-n', '--format', 'json', '--assume', 'domid=9', guest.config)) as {
    steps: { action: { kind: string; argv?: string[] } }[];
  };
  const argv = plan.steps.flatMap(({ action }) => (action.kind === 'spawn' ? (action.argv ?? []) : []));
  return argv
    .filter((word) => word !== '-S')
    .map((word) => word.replace('${domid}', '9'))
    .map((word) => word.replace(/path=[^,]*console[^,]*/, `path=${socket}`))
    .map((word) => word.replace(/path=[^,]*qmp[^,]*/, `path=${join(directory, 'qmp.sock')}`));
}

const firstWords = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('close', (status) => reject(new Error(`the guest said nothing; status ${String(status)}`)));
  });

/** Connects as soon as QEMU listens, and waits for the first bytes. */
function answered(socket: string): Promise<void> {
  return new Promise((resolve) => {
    const stream = connect(socket);
    stream.once('data', () => {
      stream.destroy();
      resolve();
    });
    stream.once('error', () => setTimeout(() => resolve(answered(socket)), 5));
  });
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.removeAllListeners('close');
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!;
}
