import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { XenstoreClient } from '../lib/xenstore/client.ts';
import { startReal, whyNot } from '../test/xenstore/real/daemons.ts';
import type { Daemon } from '../test/xenstore/support/daemon.ts';

/** One comparison: how many times as fast as the other we are, and the figures behind it. */
export interface Measure {
  readonly name: string;
  readonly ratio: number;
  readonly target: string;
  readonly detail: string;
}

type Operation = 'write' | 'read' | 'directory' | 'transaction';

const OPERATIONS: readonly Operation[] = ['write', 'read', 'directory', 'transaction'];
const IN_FLIGHT = 64;
const SECONDS_EACH = 1;
const ROUNDS = 3;

/**
 * Our client with 64 requests in flight against libxenstore, which sends one after the other, on the same C xenstored.
 * Each pair runs back to back, and the middle one of three ratios counts: machines are noisy. Empty, with a reason on
 * stderr, where Debian's xenstored or libxen-dev is missing.
 */
export async function bench(): Promise<Measure[]> {
  const reason = whyNot('xenstored');
  if (reason !== null) {
    console.warn(`xenstore bench left out: ${reason}`);
    return [];
  }
  const daemon = await startReal('xenstored');
  const directory = mkdtempSync(join(tmpdir(), 'xs-bench-'));
  try {
    const program = compile(directory);
    const client = await XenstoreClient.connect({ path: daemon.path });
    await client.write('/bench/value', 'x');
    await Promise.all(Array.from({ length: 50 }, (_, index) => client.write(`/bench/list/node-${index}`, '')));
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, lane) => client.write(`/bench/lane/${lane}`, '')));
    const measures: Measure[] = [];
    for (const operation of OPERATIONS) measures.push(await compare(operation, daemon, client, program));
    client.close();
    return measures;
  } finally {
    rmSync(directory, { recursive: true });
    await daemon.stop();
  }
}

async function compare(
  operation: Operation,
  daemon: Daemon,
  client: XenstoreClient,
  program: string,
): Promise<Measure> {
  const pairs: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    pairs.push({
      theirs: await libxenstore(program, operation, daemon.path),
      ours: await pipelined(client, operation),
    });
  }
  const middle = pairs.sort((one, other) => one.ours / one.theirs - other.ours / other.theirs)[Math.floor(ROUNDS / 2)]!;
  return {
    name: `xenstore ${operation}, ${IN_FLIGHT} in flight, against libxenstore`,
    ratio: middle.ours / middle.theirs,
    target: '≥ 1.30 ×',
    detail: `ours ${Math.round(middle.ours)}/s, libxenstore ${Math.round(middle.theirs)}/s`,
  };
}

async function pipelined(client: XenstoreClient, operation: Operation): Promise<number> {
  let done = 0;
  const begin = performance.now();
  const end = begin + SECONDS_EACH * 1000;
  const work = async (lane: number): Promise<void> => {
    while (performance.now() < end) {
      await once(client, operation, lane, done);
      done++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, lane) => work(lane)));
  return done / ((performance.now() - begin) / 1000);
}

async function once(client: XenstoreClient, operation: Operation, lane: number, round: number): Promise<void> {
  switch (operation) {
    case 'write':
      return client.write('/bench/value', `value-${round}`);
    case 'read':
      await client.read('/bench/value');
      return;
    case 'directory':
      await client.directory('/bench/list');
      return;
    case 'transaction':
      // Lanes of their own: transactions on one node would conflict, and libxenstore here has no rival either.
      return client.transaction(async (transaction) => {
        await Promise.all([transaction.read(`/bench/lane/${lane}`), transaction.write(`/bench/lane/${lane}`, 'x')]);
      });
  }
}

async function libxenstore(program: string, operation: Operation, path: string): Promise<number> {
  const { stdout } = await promisify(execFile)(program, [operation, String(SECONDS_EACH)], {
    env: { ...process.env, XENSTORED_PATH: path },
  });
  return Number(stdout);
}

function compile(directory: string): string {
  const program = join(directory, 'xenstore-libxenstore');
  const source = join(process.env.XL_TS_ROOT ?? '.', 'bench/xenstore-libxenstore.c');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source, '-lxenstore']);
  return program;
}
