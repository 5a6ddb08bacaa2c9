// `npm run test:xen`: runs test/xenhost/ in the dom0 of a real Xen, one line a step, and ends with `N passed, N failed`.
// The Xen host is the project's own (test/xenhost/host), built where it is not there; XL_XENHOST names the command of
// another one, which knows `start`, `stop`, `status`, `push SRC DST` and `exec -- COMMAND …` as well. Words after
// `npm run test:xen --` go to vitest. XL_XENHOST_KEEP=1 uses a host that runs and leaves it running.
import { join } from 'node:path';
import { report, run, runVitest } from './vitest.mjs';

const root = join(import.meta.dirname, '..');
const ours = (process.env.XL_XENHOST ?? '') === '';
const keep = process.env.XL_XENHOST_KEEP === '1';

const node = (...words) => run(process.execPath, ...words);
const harness = (verb) => node(join(root, 'scripts/xen-host.mjs'), verb);

async function step(title, work) {
  const begun = performance.now();
  process.stdout.write(`${title} …\n`);
  const status = await work();
  process.stdout.write(`${title}: ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
  if (status !== 0) process.stdout.write(`not tested on Xen: ${title} ended with status ${status}\n`);
  return status === 0;
}

const ready = ours
  ? (await step('setup', () => run('sh', join(root, 'scripts/setup.sh'), 'xen'))) &&
    (await step('the Xen host', () => harness('build')))
  : await step('build', () => node(join(root, 'scripts/build.mjs'), '--no-types'));

if (ready) {
  const config = join(root, 'test/xenhost/vitest.config.ts');
  const counts = await runVitest(['--config', config, ...process.argv.slice(2)], { reporter: 'verbose' });
  // Vitest ends the host that it started, unless it was itself ended.
  if (ours && !keep) await harness('stop');
  report(counts);
} else {
  report({ passed: 0, failed: 1 });
}
