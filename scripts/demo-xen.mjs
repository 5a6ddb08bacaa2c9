// `npm run demo:xen`: `xl create` of a PVH guest on a real Xen, with one command. Builds the Xen host of the end-to-end tests
// (test/xenhost/host; Xen in an emulated machine) where it is not there, starts it, and in its dom0: creates the guest,
// shows its console until it is ready, lists it by our xl and by Xen's own, destroys it, and looks whether anything is left.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const XL = ['node', '/opt/xl-ts/dist/xl.cjs'];
/** An emulated guest on a busy machine takes its time, in milliseconds. */
const PATIENCE = 300_000;
const SECONDS_IN_DOM0 = String(PATIENCE / 1000);
/** What a domain could leave behind. The store's two roots that a host's first domain makes stay. */
const TRACES = `
  xenstore-ls -f | grep -vE '^/(tool|vm =|libxl =)' | sed 's/ = .*//;s/^/node /'
  losetup --list --noheadings --output NAME,BACK-FILE | sed 's/^/loop device /'
  ps -eo args | grep -E '^[^ ]*(qemu-system|node)' | sed 's/^/process /'; true`;

const words = (...more) => [join(root, 'scripts/xen-host.mjs'), ...more];
const inDom0 = (...command) => words('exec', '--', 'timeout', SECONDS_IN_DOM0, ...command);

function run(command, ...more) {
  const { status } = spawnSync(command, more, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${more.join(' ')} ended with status ${status}`);
}

/** Runs a command in dom0, said as the user would type it there. */
function show(typed, ...command) {
  process.stdout.write(`\ndom0# ${typed}\n`);
  run(process.execPath, ...inDom0(...command));
}
const ours = (...line) => show(`xl ${line.join(' ')}`, ...XL, ...line);

function traces() {
  const { stdout, status } = spawnSync(process.execPath, inDom0('sh', '-c', TRACES), { encoding: 'utf8' });
  if (status !== 0) throw new Error('dom0 does not answer');
  return stdout.trim().split('\n').sort();
}

/** The guest's console, by `xl console` on a terminal of dom0's, until it says that it is ready; then Ctrl-]. */
async function untilReady(name) {
  process.stdout.write(`\ndom0# xl console ${name}\n`);
  const child = spawn(
    process.execPath,
    words('exec', '-t', '--', 'timeout', '--foreground', SECONDS_IN_DOM0, ...XL, 'console', name),
    {
      cwd: root,
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  let heard = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdout.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text);
    heard = `${heard}${text}`.slice(-1000);
    if (heard.includes('guest: ready')) child.stdin.end('\x1d');
  });
  await ended;
  if (!heard.includes('guest: ready')) throw new Error('the guest did not say that it is ready');
}

async function demo() {
  for (const path of ['dist', 'node_modules/koffi', 'node_modules/@koromix/koffi-linux-x64']) {
    run(process.execPath, ...words('push', path, `/opt/xl-ts/${path}`));
  }
  show('xl info | grep xen_version  # the real one', 'sh', '-c', 'xl info | grep -E "^(xen_version|virt_caps)"');
  const before = traces();
  show('cat /guests/pvh.cfg', 'cat', '/guests/pvh.cfg');
  ours('create', '/guests/pvh.cfg');
  await untilReady('pvh');
  ours('list');
  show('/usr/sbin/xl list  # Xen’s own', 'xl', 'list');
  ours('block-list', 'pvh');
  ours('destroy', 'pvh');
  const left = traces().filter((trace) => !before.includes(trace));
  if (left.length > 0) throw new Error(`this is left of the guest:\n  ${left.join('\n  ')}`);
  process.stdout.write('\nNothing is left: no node in xenstore, no loop device, no process.\n');
}

const runsAlready =
  spawnSync(process.execPath, words('status'), { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
try {
  run('sh', 'scripts/setup.sh', 'xen');
  if (!runsAlready) run(process.execPath, ...words('start'));
  await demo();
} catch (error) {
  process.stderr.write(`\nthe demo failed: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  if (!runsAlready) run(process.execPath, ...words('stop'));
}
