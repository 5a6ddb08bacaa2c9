// `npm run demo`: sets the machine up and boots the example guest on the embedded host. At a terminal you get the guest's
// console; leave it with Ctrl-]. Without one (CI) the same commands run and are checked: a disk comes, is seen inside the
// guest, goes again, and nothing is left behind.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const xlFile = join(root, 'dist/xl.cjs');
const CONFIG = 'examples/hello-pvh.cfg';
const SECOND_DISK = '.cache/guest/data.qcow2,qcow2,xvdb,r';
/** An emulated guest on a busy machine takes its time, in milliseconds. */
const PATIENCE = 180_000;

run('sh', 'scripts/setup.sh', 'demo');
if (process.stdin.isTTY) atTerminal();
else await withoutTerminal();

function run(command, ...words) {
  const { status } = spawnSync(command, words, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function atTerminal() {
  run(process.execPath, xlFile, 'create', CONFIG, '-c');
  process.stderr.write(`
The guest still runs. Now try:
  npx xl list
  npx xl block-attach hello ${SECOND_DISK}
  npx xl console hello
  npx xl block-detach hello xvdb
  npx xl destroy hello
`);
}

async function withoutTerminal() {
  // A host of its own, so that nobody's guests are touched.
  const state = mkdtempSync(join(tmpdir(), 'xl-ts-demo-'));
  const environment = { ...process.env, XL_STATE_DIR: state, XL_HOST: 'embedded' };
  const xl = (...words) => {
    process.stdout.write(`\n$ xl ${words.join(' ')}\n`);
    const { status, stdout } = spawnSync(process.execPath, [xlFile, ...words], {
      cwd: root,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      timeout: PATIENCE,
    });
    process.stdout.write(stdout);
    if (status !== 0) throw new Error(`xl ${words.join(' ')} ended with status ${status}`);
    return stdout;
  };
  try {
    xl('create', CONFIG, '--timing');
    const console = listen(environment);
    await console.says('guest: ready');
    xl('block-attach', 'hello', SECOND_DISK);
    await console.says(/guest: disk xvdb .*appeared/);
    if (xl('block-list', 'hello').trim().split('\n').length !== 3) throw new Error('block-list should show two disks');
    xl('list');
    xl('block-detach', 'hello', 'xvdb');
    await console.says(/guest: disk xvdb .*is gone/);
    console.end();
    xl('destroy', 'hello');
    if (xl('list').trim().split('\n').length !== 1) throw new Error('no domain should be left');
    process.stdout.write('\nthe demo went well\n');
  } catch (error) {
    process.stderr.write(`\nthe demo failed: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    xl('host', 'stop');
    rmSync(state, { recursive: true, force: true });
  }
}

/** Shows the guest's console and waits for its words. */
function listen(environment) {
  const child = spawn(process.execPath, [xlFile, 'console', 'hello'], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let heard = '';
  let wake = null;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    heard += text;
    wake?.();
  });
  child.on('exit', () => wake?.());
  const says = async (words) => {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const found = heard.match(words);
      if (found !== null) {
        heard = heard.slice(found.index + found[0].length);
        return;
      }
      if (child.exitCode !== null) throw new Error(`the console ended before the guest said ${words}`);
      if (Date.now() > deadline) throw new Error(`the guest did not say ${words} within ${PATIENCE / 1000} s`);
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1000).unref();
      });
    }
  };
  return { says, end: () => child.kill() };
}
