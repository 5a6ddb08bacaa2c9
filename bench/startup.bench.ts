import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROUNDS = 30;
const WARM_UPS = 4;

/** What each start costs against Node that does nothing. The runs take turns, so that a busy moment meets all of them. */
export function bench(): Promise<{ name: string; ratio: number; target: string; detail: string }[]> {
  const directory = mkdtempSync(join(tmpdir(), 'xl-ts-startup-'));
  try {
    const config = join(directory, 'guest.cfg');
    writeFileSync(join(directory, 'vmlinuz'), '');
    writeFileSync(config, `name = "startup"\ntype = "pvh"\nkernel = "${directory}/vmlinuz"\nmemory = 128\nvcpus = 1\n`);
    const xl = join(process.env.XL_TS_ROOT ?? '.', 'dist/xl.cjs');
    const bare = ['-e', '0'];
    const starts = {
      'xl help': [xl, 'help'],
      'xl create --plan': [xl, '--host', 'xen', 'create', '--plan', config],
    };
    const times = measure({ bare, ...starts });
    const rows = Object.keys(starts).map((name) => ({
      name,
      ratio: median(times[name]!) / median(times.bare!),
      target: '≤ 1.8 × node -e 0',
      detail: `${median(times[name]!).toFixed(1)} ms, node -e 0 ${median(times.bare!).toFixed(1)} ms`,
    }));
    return Promise.resolve(rows);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function measure(starts: Readonly<Record<string, readonly string[]>>): Record<string, number[]> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(starts).map((name) => [name, []]));
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    for (const [name, words] of Object.entries(starts)) {
      const begun = performance.now();
      const { status, stderr } = spawnSync(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
      if (status !== 0) throw new Error(`${words.join(' ')} ended with ${String(status)}: ${stderr.toString()}`);
      if (round >= 0) times[name]!.push(performance.now() - begun);
    }
  }
  return times;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[sorted.length >> 1]!;
}
