import type { MemoryStore } from './store.ts';
import type { VirtualClock } from './clock.ts';

/** How the other side behaves. */
export interface Behaviour {
  /**
   * Backends: `wait` goes to InitWait as blkback does before its guest runs, `connect` goes on to Connected, `fail`
   * closes with an error, `silent` never answers.
   */
  readonly backends: 'wait' | 'connect' | 'fail' | 'silent';
  /** Spawned processes: `ready` says so in the store, `exit` ends with status 1 before, `silent` never says anything. */
  readonly processes: 'ready' | 'exit' | 'silent';
  /** Hotplug scripts: `work`, or `fail` with status 1 and a `hotplug-error`. */
  readonly scripts: 'work' | 'fail';
}

/** How long the others take to answer, in milliseconds of the virtual clock. */
const ANSWER_MS = 5;

const BACKEND_STATE = /^(\/local\/domain\/\d+\/backend\/(\w+)\/\d+\/\d+)\/state$/;

/** Plays all backends and xenconsoled on a store: each answers a little later, and only where its node is still there. */
export function simulateBackends(store: MemoryStore, clock: VirtualClock, behaviour: Behaviour): void {
  const later = (work: () => void): void => {
    void clock.sleep(ANSWER_MS, new AbortController().signal).then(work);
  };
  store.observe((path) => {
    const backend = BACKEND_STATE.exec(path);
    // xenconsoled leaves its backend's state alone.
    if (backend !== null && backend[2] !== 'console') later(() => answer(store, backend[1]!, behaviour));
    const domid = /^\/local\/domain\/(\d+)\/console\/port$/.exec(path)?.[1];
    if (domid !== undefined) later(() => fillTty(store, domid));
  });
}

/** What a QEMU with two serial lines and VNC says about itself. */
export function monitorAnswer(command: string): unknown {
  switch (command) {
    case 'query-chardev':
      return [0, 1].map((line) => ({ label: `serial${line}`, filename: `pty:/dev/pts/${line + 10}` }));
    case 'query-vnc':
      return { enabled: true, host: '127.0.0.1', service: '5900' };
    default:
      return {};
  }
}

function answer(store: MemoryStore, backend: string, { backends }: Behaviour): void {
  const state = store.read(`${backend}/state`);
  if (backends === 'silent') return;
  if (state === '5') store.write(`${backend}/state`, '6');
  if (state !== '1') {
    if (state === '2' && backends === 'connect') store.write(`${backend}/state`, '4');
    return;
  }
  if (backends === 'fail') store.write(`${backend}/hotplug-error`, 'cannot open the image');
  store.write(`${backend}/state`, backends === 'fail' ? '6' : '2');
}

function fillTty(store: MemoryStore, domid: string): void {
  const tty = `/local/domain/${domid}/console/tty`;
  if (store.read(tty) === '') store.write(tty, `/dev/pts/${domid}`);
}
