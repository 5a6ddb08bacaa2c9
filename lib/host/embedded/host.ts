import { open, readFile, stat } from 'node:fs/promises';
import { errnoOf, unreachable, XlError } from '../../base/error.ts';
import { planDestroy } from '../../plan/destroy.ts';
import type { DomainOverlays } from '../dscow/domain-overlays.ts';
import type { HotplugDisk } from '../../qemu/hotplug-disk.ts';
import { runPlan } from '../../run/executor.ts';
import type { ExitStatus, Ports, Store } from '../../run/ports.ts';
import type { StoreServerCore } from '../../xenstore/store/core.ts';
import { readRunningDomain } from '../inventory.ts';
import { readMonitor } from '../monitors.ts';
import { realClock } from '../real/clock.ts';
import { realFiles } from '../real/files.ts';
import { realProcesses } from '../real/processes.ts';
import { BackendDriver } from './backend.ts';
import type { Answers, HostStatus, LostDomain, Request } from './control.ts';
import type { Domains } from './domains.ts';
import { type Domain, type DomainInfo } from './domains.ts';
import { performHypercall, type HypervisorEffects } from './hypervisor.ts';
import type { Machine, MachineEnd } from './machine.ts';
import { cpuSeconds, Machines } from './machines.ts';
import { noBlocks } from './no-blocks.ts';
import { hearShutdownRequests } from './shutdown-requests.ts';
import { consoleClientSocket, embeddedDirs, type StateDir } from './state-dir.ts';

export interface HostOptions {
  readonly dir: StateDir;
  readonly core: StoreServerCore;
  readonly domains: Domains;
  /** The store as domain 0 sees it. */
  readonly store: Store;
  readonly lost: readonly LostDomain[];
  readonly log: (line: string) => void;
  readonly overlays: DomainOverlays;
  /** Told when somebody asks the host to stop and every domain is gone. */
  readonly stop: () => void;
}

/** A QEMU that refuses its command line has ended before anybody can ask; nobody asks much later. */
const KEPT_ENDS = 1024;

/** The number that the first domain of a new daemon gets: the one that the last daemon would have given. */
export async function readNextDomid(dir: StateDir): Promise<number> {
  const text = await readFile(dir.nextDomid, 'utf8').catch(() => '');
  return /^\d{1,5}$/.test(text) ? Number(text) : 1;
}

/** The embedded host itself: domain table, machines and backends behind the requests of the control socket. */
export class EmbeddedHost {
  readonly #options: HostOptions;
  readonly #machines: Machines;
  readonly #driver: BackendDriver;
  readonly #startedAt = Date.now() / 1000;
  /** Ends of the last processes, for those who ask later than they happen. */
  readonly #ends = new Map<number, Promise<ExitStatus>>();
  #lost: readonly LostDomain[];

  constructor(options: HostOptions) {
    this.#options = options;
    this.#lost = options.lost;
    this.#machines = new Machines(options.dir, {
      ready: (machine) => this.#machineReady(machine),
      ended: (machine, end) => this.#machineEnded(machine, end),
      log: options.log,
    });
    this.#driver = new BackendDriver({
      store: options.store,
      machineOf: (domid) => this.#machines.ready(domid),
      look: lookAt,
      overlays: options.overlays,
      consolePath: (domid) => consoleClientSocket(options.dir, domid),
      log: options.log,
    });
  }

  /** Writes domain 0's own nodes and serves backends until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    // As xen-init-dom0 does: Xen's tools take dom0's name from here.
    await store.write('/local/domain/0/name', 'Domain-0');
    // The roots below which domains come and go; on Xen, domain 0's own nodes keep them there.
    await Promise.all([store.mkdir('/vm'), store.mkdir('/libxl')]);
    await store.write('/local/domain/0/domid', '0');
    await this.#driver.run(signal);
  }

  /** Does a request of the control socket. */
  async handle(request: Request, signal: AbortSignal): Promise<Answers[Request['op']]> {
    switch (request.op) {
      case 'status':
        return this.#status();
      case 'list':
        return this.#list();
      case 'hypercall':
        return performHypercall(request.call, this.#options.domains, this.#effects());
      case 'spawn':
        return { pid: await this.#spawn(request.request, signal) };
      case 'exited':
        return this.#exited(request.pid);
      case 'kill':
        return { found: await this.#kill(request) };
      case 'qmp':
        return this.#monitor(request.socket, request.commands, request.timeoutMs);
      case 'stop':
        await this.destroyAll();
        this.#options.stop();
        return {};
      default:
        return unreachable(request);
    }
  }

  /** Ends every domain, as `xl destroy` would. */
  async destroyAll(): Promise<void> {
    await Promise.all(this.#options.domains.all().map((domain) => this.#clearAway(domain.domid)));
  }

  #status(): HostStatus {
    const lost = this.#lost;
    this.#lost = [];
    const { domains, dir } = this.#options;
    return {
      pid: process.pid,
      startedAt: this.#startedAt,
      xenstored: dir.xenstored,
      domains: domains.all().length,
      lost,
    };
  }

  #list(): Promise<DomainInfo[]> {
    return Promise.all(
      this.#options.domains.all().map(async (domain) => {
        const { domid, uuid, type, shutdown, maxVcpus: vcpus, memoryKiB } = domain;
        // A domain may have been renamed since it was made; before it has nodes it has the name that it was made with.
        const name = (await this.#options.store.read(`/local/domain/${domid}/name`)) ?? domain.name;
        const machine = this.#machines.get(domid);
        const state = shutdown !== null ? 'shutdown' : domain.paused ? 'paused' : 'running';
        const used = machine === null ? 0 : await cpuSeconds(machine.pid);
        return { domid, uuid, name, type, state, shutdown, vcpus, memoryKiB, cpuSeconds: used };
      }),
    );
  }

  #effects(): HypervisorEffects {
    const { dir, core } = this.#options;
    return {
      now: () => realClock.now(),
      keepNextDomid: (next) => realFiles.write(dir.nextDomid, String(next), 0o600),
      pause: async ({ domid }) => this.#machines.get(domid)?.pause(),
      unpause: ({ domid }) => this.#machineOf(domid).resume(),
      release: async (domid) => {
        const machine = this.#machines.get(domid);
        if (machine !== null) {
          await machine.kill('SIGKILL', 0);
          await machine.ended;
        }
        core.release(domid);
      },
    };
  }

  async #spawn(request: Parameters<Machines['start']>[1], signal: AbortSignal): Promise<number> {
    const domain = this.#options.domains.require(request.domid);
    const machine = await this.#machines.start(domain, request, signal);
    this.#ends.set(
      machine.pid,
      machine.ended.then(({ status }) => status),
    );
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > KEPT_ENDS && oldest !== undefined) this.#ends.delete(oldest);
    return machine.pid;
  }

  #exited(pid: number): Promise<ExitStatus> {
    const end = this.#ends.get(pid);
    if (end === undefined) throw new XlError('process-unknown', `the embedded host has started no process ${pid}`);
    return end;
  }

  async #kill({ pid, signal, graceMs }: Extract<Request, { op: 'kill' }>): Promise<boolean> {
    const machine = this.#machines.byPid(pid);
    return machine === null ? false : machine.kill(signal, graceMs);
  }

  async #monitor(socket: string, commands: Extract<Request, { op: 'qmp' }>['commands'], timeoutMs: number) {
    const machine = this.#machines.byMonitor(socket);
    if (machine === null) throw new XlError('machine-missing', `no running machine has the monitor ${socket}`);
    return machine.execute(commands, timeoutMs);
  }

  #machineOf(domid: number): Machine {
    const machine = this.#machines.get(domid);
    if (machine === null) {
      throw new XlError('machine-missing', `domain ${domid} has no machine that could run`, {
        hint: 'its QEMU has ended; `xl destroy` takes away what is left',
      });
    }
    return machine;
  }

  async #machineReady(machine: Machine): Promise<void> {
    const { domid } = machine;
    const ended = new AbortController();
    void machine.ended.then(() => ended.abort());
    void hearShutdownRequests(machine, this.#options, ended.signal);
    await this.#driver.machineChanged(domid);
    await this.#options.store.transaction(async (view) => {
      const model = `/local/domain/0/device-model/${domid}`;
      if ((await view.read(model)) !== null) await view.write(`${model}/state`, 'running');
    });
  }

  /** A guest that has ended by itself, or by accident, and has no monitor is cleared away as its monitor would have done. */
  async #machineEnded({ domid }: Machine, end: MachineEnd): Promise<void> {
    const { domains, core, log } = this.#options;
    await this.#driver.machineChanged(domid);
    const domain: Domain | undefined = domains.get(domid);
    // Somebody destroys it: that is no end of the guest's.
    if (domain === undefined || end.asked) return;
    log(`domain ${domid} (${domain.name}) has ended: ${end.reason}, ${describeStatus(end.status)}`);
    const monitor = await readMonitor(embeddedDirs(this.#options.dir), domain.uuid);
    domain.shutdown = end.reason;
    core.domainShutdown(domid);
    // What becomes of it is then its monitor's affair.
    if (monitor?.alive !== true) await this.#clearAway(domid);
  }

  /** Where the way of plans fails, the domain and its machine go all the same. */
  async #clearAway(domid: number): Promise<void> {
    try {
      await this.#destroy(domid);
    } catch (error) {
      this.#options.log(`domain ${domid}: ${String(error)}`);
      await this.#forget(domid);
    }
  }

  async #forget(domid: number): Promise<void> {
    await performHypercall({ op: 'destroydomain', domid: String(domid) }, this.#options.domains, this.#effects());
  }

  async #destroy(domid: number): Promise<void> {
    const { store, dir } = this.#options;
    const running = await readRunningDomain(store, domid);
    if (running === null) return this.#forget(domid);
    await runPlan(planDestroy(running, { host: 'embedded', dirs: embeddedDirs(dir) }), this.#ports());
  }

  /** The doors that commands have through the control socket, from inside. */
  #ports(): Ports {
    return {
      hypervisor: { call: (call) => performHypercall(call, this.#options.domains, this.#effects()) },
      store: this.#options.store,
      processes: {
        spawn: async (request, signal) => {
          const pid = await this.#spawn(request, signal);
          return { pid, exited: this.#exited(pid) };
        },
        kill: async ({ pid, ...target }) => pid !== null && this.#kill({ op: 'kill', pid, ...target }),
        run: (command, signal) => realProcesses.run(command, signal),
      },
      blocks: noBlocks,
      files: realFiles,
      monitors: { execute: (socket, commands, { timeoutMs }) => this.#monitor(socket, commands, timeoutMs) },
      clock: realClock,
    };
  }
}

/** What opening a disk's image would say, before QEMU says it in words of its own. */
async function lookAt(path: string, { write }: { readonly write: boolean }): Promise<HotplugDisk['pathKind']> {
  try {
    const found = await stat(path);
    if (!found.isFile() && !found.isBlockDevice())
      throw new XlError('disk-target-bad', `${path} is no file and no block device`);
    await (await open(path, write ? 'r+' : 'r')).close();
    return found.isBlockDevice() ? 'block' : 'file';
  } catch (error) {
    if (error instanceof XlError) throw error;
    throw new XlError(
      'disk-target-bad',
      `${path} cannot be opened${write ? ' for writing' : ''}: ${errnoOf(error) ?? String(error)}`,
      {
        cause: error,
      },
    );
  }
}

const describeStatus = ({ code, signal }: ExitStatus): string =>
  signal === null ? `QEMU's exit status ${code ?? 'unknown'}` : `QEMU ended by ${signal}`;
