// `npm run test:xen`: runs test/xenhost/ on a real Xen, one line a step. XL_XENHOST names the command that has one: it
// knows `start`, `stop`, `status`, `push SRC DST` and `exec -- COMMAND …`. Words after `npm run test:xen --` go to vitest.
// XL_XENHOST_KEEP=1 uses a host that runs and leaves it running.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [program = ''] = (process.env.XL_XENHOST ?? '').split(' ');

if (program === '' || !existsSync(program)) {
  process.stdout.write(
    program === ''
      ? 'not tested on Xen: XL_XENHOST names no command that has a Xen host\n'
      : `not tested on Xen: XL_XENHOST names ${program}, which is not there\n`,
  );
} else {
  const run = (...words) => spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' }).status === 0;
  const ok =
    run('scripts/build.mjs', '--no-types') &&
    run('node_modules/vitest/vitest.mjs', 'run', '--config', 'test/xenhost/vitest.config.ts', ...process.argv.slice(2));
  process.exitCode = ok ? 0 : 1;
}
