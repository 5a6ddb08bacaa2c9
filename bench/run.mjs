// `npm run bench [NAME…]`: bundles each bench/NAME.bench.ts, runs its bench(), and prints what it measured as ratios.
// Every figure is a pair taken in the same run, so that a busy machine slows both sides.
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import esbuild from 'esbuild';
import { build } from '../scripts/build.mjs';

const root = join(import.meta.dirname, '..');
// Where it is set, Node 20 reads certificates at every start: 22 ms that have nothing to do with us.
delete process.env.NODE_EXTRA_CA_CERTS;
process.env.XL_TS_ROOT = root;

const wanted = process.argv.slice(2);
const files = readdirSync(import.meta.dirname).filter(
  (name) => name.endsWith('.bench.ts') && (wanted.length === 0 || wanted.some((word) => name.startsWith(word))),
);

await build({ types: false });
const directory = mkdtempSync(join(tmpdir(), 'xl-ts-bench-'));
symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
const rows = [];
try {
  for (const name of files) {
    const outfile = join(directory, name.replace(/\.ts$/, '.mjs'));
    await esbuild.build({
      entryPoints: [join(import.meta.dirname, name)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'warning',
    });
    process.stderr.write(`${name} …\n`);
    const { bench } = await import(pathToFileURL(outfile).href);
    rows.push(...(await bench()));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

const table = [
  ['what', 'ratio', 'target', 'detail'],
  ...rows.map(({ name, ratio, target, detail }) => [name, `${ratio.toFixed(2)} ×`, target, detail]),
];
const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column].length)));
for (const row of table) {
  process.stdout.write(
    `${row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()}\n`,
  );
}
