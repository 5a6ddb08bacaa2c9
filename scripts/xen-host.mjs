#!/usr/bin/env node
// The Xen host of the end-to-end tests, from the command line: see test/xenhost/host/README.md.
//
// Its files are TypeScript, which this Node does not read: they are bundled anew each time, in a few hundredths of a second.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import esbuild from 'esbuild';

const root = join(import.meta.dirname, '..');
process.env.XL_TS_ROOT = root;
const directory = mkdtempSync(join(tmpdir(), 'xl-ts-xen-host-'));
const outfile = join(directory, 'cli.mjs');
let main;
try {
  await esbuild.build({
    entryPoints: [join(root, 'test/xenhost/host/cli.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
  await esbuild.stop();
  ({ main } = await import(pathToFileURL(outfile).href));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = await main(process.argv.slice(2));
