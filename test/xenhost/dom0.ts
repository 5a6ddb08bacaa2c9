import { setTimeout as sleep } from 'node:timers/promises';
import { alone, start, stop } from './host/lifecycle.ts';
import { runningPid } from './host/machine.ts';
import { collect, push, runInDom0, type Outcome } from './host/way-in.ts';

export type { Outcome };

/** Where the project lies in dom0. */
export const PROJECT_IN_DOM0 = '/opt/xl-ts';

/** A command in dom0 ends itself after this, in seconds: the one on this side cannot end it. */
const COMMAND_SECONDS = 240;
/** How long an event that must come may take, in milliseconds, and how often is looked. */
const PATIENCE_MS = 240_000;
const LOOK_MS = 200;
/** A guest gets longer, as it may have to start twice; in dom0 one look at it takes a minute or two. */
const GUEST_MS = 400_000;
const LOOKS = 200;

/** A command that has a Xen host of another make: it knows `start`, `stop`, `status`, `push` and `exec` as ours does. */
const OTHER_HOST = (process.env.XL_XENHOST ?? '').split(' ').filter((word) => word !== '');

/** The Xen host: the project's own, or the one that XL_XENHOST names. */
export const xenHost = {
  runs: async (): Promise<boolean> =>
    OTHER_HOST.length === 0 ? runningPid() !== null : (await collect([...OTHER_HOST, 'status'])).status === 0,
  start: () => (OTHER_HOST.length === 0 ? alone(start) : other('start')),
  stop: () => (OTHER_HOST.length === 0 ? stop() : other('stop')),
  push: (source: string, destination: string) =>
    OTHER_HOST.length === 0 ? push(source, destination) : other('push', source, destination),
} as const;

async function other(...words: readonly string[]): Promise<void> {
  okay(`the Xen host's ${words.join(' ')}`, await collect([...OTHER_HOST, ...words]));
}

/** Runs a command in dom0 to its end. */
export const dom0 = (...command: readonly string[]): Promise<Outcome> => {
  const bounded = ['timeout', String(COMMAND_SECONDS), ...command];
  return OTHER_HOST.length === 0 ? runInDom0(bounded) : collect([...OTHER_HOST, 'exec', '--', ...bounded]);
};

/** Runs a shell script in dom0 and fails unless it ends with status 0; its stdout. */
export const shell = async (script: string): Promise<string> => okay(script, await dom0('sh', '-c', script));

/** Runs our xl in dom0. */
export const xl = (...words: readonly string[]): Promise<Outcome> =>
  dom0('env', 'NO_COLOR=1', 'node', `${PROJECT_IN_DOM0}/dist/xl.cjs`, '--host', 'xen', ...words);

/** The same, and fails unless it ends with status 0; its stdout. */
export const xlOkay = async (...words: readonly string[]): Promise<string> =>
  okay(`xl ${words.join(' ')}`, await xl(...words));

/** Runs Xen's own xl in dom0 and fails unless it ends with status 0; its stdout. */
export const stock = async (...words: readonly string[]): Promise<string> =>
  okay(`stock xl ${words.join(' ')}`, await dom0('xl', ...words));

/** Types a line at a guest's shell through our `xl console`, and waits until the guest answers with these words. */
export async function ask(domain: string, line: string, answer: string, options: readonly string[] = []) {
  const words = [...options, domain].map(quoted).join(' ');
  // In dom0, where waiting is cheap: each command from here costs a connection.
  return shell(`
    directory=$(mktemp -d); cd $directory; mkfifo keys
    node ${PROJECT_IN_DOM0}/dist/xl.cjs --host xen console ${words} < keys > said 2>&1 & console=$!
    exec 3> keys
    until_said() { until grep -q "$1" said || ! kill -0 $console; do sleep 0.2; done; }
    printf '\\r' >&3; until_said 'guest#'
    printf '%s\\r' ${quoted(line)} >&3; until_said ${quoted(answer)}
    kill $console; wait $console; cat said; cd /; rm -r $directory; true`);
}

/**
 * Waits until a guest has said something on its console as often as asked; xenconsoled's log is read. The emulated CPU has
 * a fault, seen with stock xl's guests as well, that now and then ends one: then its monitor starts it again, as after a
 * reboot. A guest that stays away says no more.
 */
export async function guestSays(name: string, words: string, times = 1): Promise<void> {
  const deadline = performance.now() + GUEST_MS;
  // In dom0, where looking is cheap.
  const look = `
    away=0
    for look in $(seq ${LOOKS}); do
      [ "$(grep -c ${quoted(words)} /var/log/xen/guest-${name}.log 2> /dev/null)" -ge ${times} ] 2> /dev/null && { echo said; exit 0; }
      [ $((look % 10)) -ne 0 ] || if xl list ${name} > /dev/null 2>&1; then away=0; else away=$((away + 1)); fi
      if [ $away -ge 15 ]; then echo '${name} is gone' >&2; xl dmesg | tail -25 >&2; exit 1; fi
      sleep 0.3
    done`;
  while ((await shell(look)) !== 'said\n') {
    if (performance.now() > deadline) {
      throw new Error(
        `${name} has not said "${words}" ${times} times\n${await shell(`tail -n 5 /var/log/xen/guest-${name}.log; xl list`)}`,
      );
    }
  }
}

/** Waits for something to become true. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s in vain: ${what}`);
    await sleep(LOOK_MS);
  }
}

/** What a domain could leave behind: nodes, processes, loop devices, files. Equal before and after where nothing is left. */
export async function traces(): Promise<string[]> {
  const listing = await shell(
    [
      // The store's own counters, and the two roots that the first domain of a host makes, outlive domains.
      "xenstore-ls -f | grep -vE '^(/tool|/vm =|/libxl =)' | sed 's/^/node /'",
      "losetup --list --noheadings --output NAME,BACK-FILE | sed 's/^/loop /'",
      "ps -eo args | grep -E '^[^ ]*(qemu-system|xl-ts|xl )' | sed 's/^/process /'",
      "ls -d /var/lib/xen/* /var/run/xen/* /var/run/xen/xl-ts/* /var/lock/xen* /dev/mapper/* 2>/dev/null | grep -vE 'domid-history|qemu-version|/xl-ts$' | sed 's/^/file /'",
    ].join('; ') + '; true',
  );
  return listing
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

function okay(what: string, { status, stdout, stderr }: Outcome): string {
  if (status !== 0) throw new Error(`${what} ended with ${String(status)}\n${stderr}${stdout}`);
  return stdout;
}
