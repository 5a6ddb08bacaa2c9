import { XlError } from '../../base/error.ts';
import type { Blocks, ExitStatus, Processes } from '../../run/ports.ts';
import type { VirtualClock } from './clock.ts';
import type { Behaviour } from './simulation.ts';
import type { MemoryStore } from './store.ts';

/** A process that was spawned and still runs. */
export interface MemoryProcess {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly domid: number;
  readonly log: string;
  readonly end: (status: ExitStatus) => void;
}

/** `backend/vbd/1/51712`, as scripts get it. */
const busPathOf = (backend: string): string => backend.replace(/^\/local\/domain\/0\//, '');

/** How long a QEMU takes to come up, in milliseconds of the virtual clock. */
const START_MS = 50;

/** Processes in a table: spawned ones play QEMU, commands play Xen's block script. */
export class MemoryProcesses implements Processes {
  readonly running = new Map<number, MemoryProcess>();
  /** What scripts have set up and not taken down: XENBUS_PATH to a block device. */
  readonly attached = new Map<string, string>();
  readonly logs = new Map<string, string[]>();
  private nextPid = 1000;
  private nextLoop = 0;
  private readonly store: MemoryStore;
  private readonly clock: VirtualClock;
  private readonly behaviour: Behaviour;

  constructor(store: MemoryStore, clock: VirtualClock, behaviour: Behaviour) {
    this.store = store;
    this.clock = clock;
    this.behaviour = behaviour;
  }

  async spawn({ argv, domid, log }: Parameters<Processes['spawn']>[0]): ReturnType<Processes['spawn']> {
    await Promise.resolve();
    const pid = this.nextPid;
    this.nextPid += 1;
    const exited = new Promise<ExitStatus>((resolve) => {
      const end = (status: ExitStatus): void => {
        this.running.delete(pid);
        resolve(status);
      };
      this.running.set(pid, { pid, argv, domid, log, end });
    });
    void this.clock.sleep(START_MS, new AbortController().signal).then(() => this.comeUp(pid));
    return { pid, exited };
  }

  async kill({ pid, domid, signal }: Parameters<Processes['kill']>[0]): Promise<boolean> {
    await Promise.resolve();
    const ending = [...this.running.values()].filter(
      (process) => process.domid === domid && process.pid === (pid ?? process.pid),
    );
    for (const process of ending) process.end({ code: null, signal });
    return ending.length > 0;
  }

  async run({ argv, env }: Parameters<Processes['run']>[0]): ReturnType<Processes['run']> {
    await Promise.resolve();
    const busPath = env.XENBUS_PATH ?? '';
    const backend = `/local/domain/0/${busPath}`;
    if (argv[1] === 'remove' || argv[1] === 'offline') this.attached.delete(busPath);
    else if (this.behaviour.scripts === 'fail') return this.failScript(backend);
    else this.add(busPath, backend);
    return { code: 0, signal: null, output: '', timedOut: false };
  }

  /** The same table of devices as the block script's, without the script. */
  readonly blocks: Blocks = {
    connect: async (backend) => {
      await Promise.resolve();
      if (this.behaviour.scripts === 'fail') {
        this.failScript(backend);
        throw new XlError('hotplug-busy', '/images/a.img is in use: web (domain 3) has it as xvda, read-write');
      }
      this.add(busPathOf(backend), backend);
    },
    release: async (backend) => {
      await Promise.resolve();
      this.attached.delete(busPathOf(backend));
    },
  };

  private comeUp(pid: number): void {
    const process = this.running.get(pid);
    if (process === undefined || this.behaviour.processes === 'silent') return;
    if (this.behaviour.processes === 'ready') {
      this.store.write(`/local/domain/0/device-model/${process.domid}/state`, 'running');
      return;
    }
    this.logs.set(process.log, ['qemu-system-i386: could not open the image']);
    process.end({ code: 1, signal: null });
  }

  private add(busPath: string, backend: string): void {
    const device = `/dev/loop${this.nextLoop}`;
    this.nextLoop += 1;
    this.attached.set(busPath, device);
    if (this.store.read(backend) === null) return;
    this.store.write(`${backend}/physical-device-path`, device);
    this.store.write(`${backend}/hotplug-status`, 'connected');
  }

  private failScript(backend: string): Awaited<ReturnType<Processes['run']>> {
    if (this.store.read(backend) !== null) {
      this.store.write(`${backend}/hotplug-error`, 'Device is mounted in a guest domain');
      this.store.write(`${backend}/hotplug-status`, 'busy');
    }
    return { code: 1, signal: null, output: 'the script failed\n', timedOut: false };
  }
}
