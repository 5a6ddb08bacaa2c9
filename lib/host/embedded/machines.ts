import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { XlError } from '../../base/error.ts';
import { show } from '../../base/text.ts';
import { consoleSocket, qmpSocket } from '../../device/files.ts';
import type { SpawnRequest } from '../../run/ports.ts';
import { Console } from './console.ts';
import type { Domain } from './domains.ts';
import { Machine, type MachineEnd } from './machine.ts';
import { forgetMachine, noteMachine } from './machine-notes.ts';
import { consoleClientSocket, embeddedDirs, type StateDir } from './state-dir.ts';

/** Who is told of what happens to machines. */
export interface MachineListener {
  /** The machine can be steered and takes disks. */
  readonly ready: (machine: Machine) => Promise<void>;
  readonly ended: (machine: Machine, end: MachineEnd) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Linux counts processor time for /proc in hundredths of a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** The machines of all domains, with their consoles and the notes by which a later daemon finds them. */
export class Machines {
  readonly #dir: StateDir;
  readonly #listener: MachineListener;
  readonly #all = new Map<number, Machine>();
  readonly #ready = new Set<number>();

  constructor(dir: StateDir, listener: MachineListener) {
    this.#dir = dir;
    this.#listener = listener;
  }

  /** Starts the domain's QEMU, paused; its pid. Throws `machine-exists`, or what kept the process from starting. */
  async start(domain: Domain, request: SpawnRequest, signal: AbortSignal): Promise<Machine> {
    const { domid, name } = domain;
    if (this.#all.has(domid)) throw new XlError('machine-exists', `domain ${domid} has a machine already`);
    const dirs = embeddedDirs(this.#dir);
    const console = await Console.serve(
      consoleClientSocket(this.#dir, domid),
      join(this.#dir.log, `console-${name.replaceAll('/', '_')}.log`),
    );
    const qmp = show(qmpSocket(dirs, String(domid)));
    try {
      const machine = await Machine.start(
        { request, qmpSocket: qmp, consoleSocket: show(consoleSocket(dirs, String(domid))), console },
        signal,
      );
      this.#all.set(domid, machine);
      void this.#accompany(machine, console, request);
      await this.#note(machine, name);
      return machine;
    } catch (error) {
      await console.close();
      throw error;
    }
  }

  /** A machine that could not be found again must not go on. */
  async #note(machine: Machine, name: string): Promise<void> {
    const { domid, pid, qmpSocket: marker } = machine;
    try {
      await noteMachine(this.#dir, { domid, name, pid, marker });
    } catch (error) {
      await machine.kill('SIGKILL', 0);
      throw error;
    }
  }

  /** From the start to the end of a machine. */
  async #accompany(machine: Machine, console: Console, request: SpawnRequest): Promise<void> {
    const { domid } = machine;
    machine.ready
      .then(async () => {
        this.#ready.add(domid);
        await this.#listener.ready(machine);
      })
      .catch(async (error: unknown) => {
        this.#listener.log(`domain ${domid}: ${error instanceof Error ? error.message : String(error)}`);
        if (request.argv.some((word) => word.includes('accel=kvm'))) {
          await appendFile(request.log, 'xl: this QEMU was started with KVM; XL_ACCEL=tcg runs the guest emulated\n');
        }
        await machine.kill('SIGKILL', 0);
      })
      .catch((error: unknown) => this.#listener.log(`domain ${domid}: ${String(error)}`));

    const end = await machine.ended;
    this.#all.delete(domid);
    this.#ready.delete(domid);
    await console.close();
    const dirs = embeddedDirs(this.#dir);
    await forgetMachine(this.#dir, domid);
    for (const socket of [machine.qmpSocket, show(consoleSocket(dirs, String(domid)))])
      await rm(socket, { force: true });
    await this.#listener.ended(machine, end);
  }

  /** The domain's machine, ready or not. */
  get(domid: number): Machine | null {
    return this.#all.get(domid) ?? null;
  }

  /** The domain's machine once it takes disks. */
  ready(domid: number): Machine | null {
    return this.#ready.has(domid) ? this.get(domid) : null;
  }

  byPid(pid: number): Machine | null {
    return [...this.#all.values()].find((machine) => machine.pid === pid) ?? null;
  }

  byMonitor(socket: string): Machine | null {
    return [...this.#all.values()].find((machine) => machine.qmpSocket === socket) ?? null;
  }
}

/** Seconds of processor time that a process has used; 0 for one that is gone. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): after the command's name in parentheses, utime and stime are the 12th and 13th fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}
