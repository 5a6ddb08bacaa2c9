// `npm test`: sets the machine up, builds, checks the types, runs every test, and ends with the line `N passed, N failed`,
// counted from vitest's own report. Words after `npm test --` go to vitest: a file, a -t pattern.
import { join } from 'node:path';
import { report, run, runVitest } from './vitest.mjs';

const root = join(import.meta.dirname, '..');

async function step(title, command, ...words) {
  process.stderr.write(`${title} …\n`);
  return (await run(command, ...words)) === 0;
}

const ready =
  (await step('setup', 'sh', join(root, 'scripts/setup.sh'), 'test')) &&
  (await step('build', process.execPath, join(root, 'scripts/build.mjs'))) &&
  (await step('types', join(root, 'node_modules/.bin/tsc'), '-p', '.'));
process.stderr.write(ready ? 'tests …\n' : '');
report(ready ? await runVitest(process.argv.slice(2)) : { passed: 0, failed: 1 });
