import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, XlError } from '../../base/error.ts';
import type { Devid } from '../../base/units.ts';
import type { HotplugDisk } from '../../qemu/hotplug-disk.ts';
import { QmpClient } from '../../qemu/qmp-client.ts';
import type { QmpEvent } from '../../qemu/qmp-codec.ts';
import type { ExitStatus, SpawnRequest } from '../../run/ports.ts';
import { realProcesses } from '../real/processes.ts';
import type { Console } from './console.ts';
import type { MonitorCommand } from './control.ts';
import type { ShutdownReason } from './domains.ts';
import { proveKvm } from './kvm-proof.ts';
import { cutDisk, emulatedDrives, isEmulated, plugDisk, unplugDisk } from './machine-disks.ts';

export interface MachineOptions {
  readonly request: SpawnRequest;
  /** The monitor that the command line makes. */
  readonly qmpSocket: string;
  /** The guest's console as the command line makes it; a machine without one is fine. */
  readonly consoleSocket: string;
  readonly console: Console;
}

/** How a machine ended: the process's own end, and what the guest asked for before, if it did. */
export interface MachineEnd {
  readonly status: ExitStatus;
  readonly reason: ShutdownReason;
  /** A command ended it (kill, quit), not the guest and no accident. */
  readonly asked: boolean;
}

/** QEMU makes its monitor before it opens images, and opens them before it listens to it: a slow disk takes its time. */
const START_TIMEOUT_MS = 60_000;
const LOOK_AGAIN_MS = 15;
const COMMAND = { timeoutMs: 30_000 };

/** A domain's QEMU process: started paused, steered through its monitor, watched until it ends. */
export class Machine {
  readonly domid: number;
  readonly pid: number;
  /** The directory against which its paths count. */
  readonly cwd: string;
  readonly qmpSocket: string;
  /** The process's end; never rejects. */
  readonly ended: Promise<MachineEnd>;
  /** Resolves once the monitor answers and the console is connected; rejects where QEMU ends or hangs before. */
  readonly ready: Promise<void>;
  /** Set before an end that is wanted, so that nobody takes it for the guest's. */
  endExpected = false;
  /** It runs under KVM and has not shown yet that it does. */
  #kvm: boolean;
  #monitor: QmpClient | null = null;
  #drives: ReadonlySet<string> = new Set();
  #reason: ShutdownReason | null = null;
  /** What it means when the guest switches itself off. */
  #ending: 'poweroff' | 'reboot' = 'poweroff';
  #over = false;

  static async start(options: MachineOptions, signal: AbortSignal): Promise<Machine> {
    const { pid, exited } = await realProcesses.spawn(options.request, signal);
    return new Machine(options, pid, exited);
  }

  private constructor(options: MachineOptions, pid: number, exited: Promise<ExitStatus>) {
    const { request, qmpSocket } = options;
    this.domid = request.domid;
    this.pid = pid;
    this.cwd = request.cwd ?? process.cwd();
    this.qmpSocket = qmpSocket;
    this.#kvm = request.argv.some((word) => /(^|,)accel=kvm(,|$)/.test(word));
    this.ended = exited.then((status) => {
      this.#over = true;
      this.#monitor?.close();
      return { status, reason: this.#reason ?? 'crash', asked: this.endExpected };
    });
    this.ready = this.#prepare(options);
    // Whoever waits for the machine hears of it; that nobody may be waiting is no fault.
    this.ready.catch(() => undefined);
  }

  async #prepare({ qmpSocket, consoleSocket, console }: MachineOptions): Promise<void> {
    const monitor = await this.#connect(qmpSocket);
    this.#monitor = monitor;
    monitor.onEvent((event) => this.#note(event));
    if (await exists(consoleSocket)) await console.attach(consoleSocket);
    this.#drives = await emulatedDrives(monitor);
  }

  /** The monitor's socket appears some time after the process, so the first attempts may find nothing. */
  async #connect(path: string): Promise<QmpClient> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (this.#over) throw new XlError('machine-ended', 'QEMU ended before its monitor answered');
      try {
        return await QmpClient.connect(path, { timeoutMs: Math.max(1, deadline - performance.now()) });
      } catch (error) {
        const notYet = error instanceof XlError && error.code === 'qmp-unreachable';
        if (!notYet || performance.now() > deadline) throw error;
      }
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** What QEMU says of the guest's end, before its own (qapi/run-state.json). */
  #note({ name, data }: QmpEvent): void {
    if (name === 'GUEST_PANICKED') this.#reason = 'crash';
    if (name !== 'SHUTDOWN') return;
    if (data.reason === 'guest-shutdown') this.#reason ??= this.#ending;
    // The second is our own reset button.
    if (data.reason === 'guest-reset' || data.reason === 'host-qmp-system-reset') this.#reason ??= 'reboot';
  }

  async resume(): Promise<void> {
    await this.execute([{ execute: 'cont' }]);
    // Once: a guest that is resumed later has begun before.
    if (this.#kvm) await proveKvm((commands) => this.execute(commands), sleep);
    this.#kvm = false;
  }

  async pause(): Promise<void> {
    await this.execute([{ execute: 'stop' }]);
  }

  /**
   * Tells the guest by ACPI to end in good order. There is no button for a reboot, so that is a guest which switches
   * itself off as well; its end then counts as one.
   */
  async pressPowerButton(ending: 'poweroff' | 'reboot'): Promise<void> {
    this.#ending = ending;
    await this.execute([{ execute: 'system_powerdown' }]);
  }

  /** Sends commands to the monitor in order; their answers. */
  async execute(commands: readonly MonitorCommand[], timeoutMs = COMMAND.timeoutMs): Promise<unknown[]> {
    const monitor = await this.#conversation();
    const answers: unknown[] = [];
    for (const command of commands) {
      answers.push(await monitor.execute(command.execute, command.arguments, { timeoutMs }));
    }
    return answers;
  }

  /** Whether the machine was started with this disk as emulated hardware. */
  emulates(vdev: string, devid: number): boolean {
    return isEmulated(vdev, devid, this.#drives);
  }

  /** Gives the guest a disk; its size in bytes. */
  async plug(disk: HotplugDisk): Promise<number> {
    return plugDisk(await this.#conversation(), disk);
  }

  /** Resolves when the guest has let go of the disk and its image is closed. */
  async unplug(devid: Devid): Promise<void> {
    return unplugDisk(await this.#conversation(), devid);
  }

  /** Closes a disk's image under a guest that does not let go. */
  async cut(devid: Devid, format: string): Promise<void> {
    return cutDisk(await this.#conversation(), devid, format);
  }

  /** Ends the process with a signal, and with SIGKILL where that is not enough; true if it was there. */
  async kill(signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    this.endExpected = true;
    return realProcesses.kill({ pid: this.pid, domid: this.domid, signal, graceMs });
  }

  async #conversation(): Promise<QmpClient> {
    await this.ready;
    if (this.#over || this.#monitor === null) {
      throw new XlError('machine-ended', `the machine of domain ${this.domid} has ended`);
    }
    return this.#monitor;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
