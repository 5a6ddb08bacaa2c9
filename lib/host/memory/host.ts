import type { Ports } from '../../run/ports.ts';
import { VirtualClock } from './clock.ts';
import { watchedPorts, type Fault, type PortCall } from './faults.ts';
import { MemoryFiles } from './files.ts';
import { MemoryHypervisor } from './hypervisor.ts';
import { MemoryProcesses } from './processes.ts';
import { monitorAnswer, simulateBackends, type Behaviour } from './simulation.ts';
import { MemoryStore } from './store.ts';

export interface MemoryHostOptions extends Partial<Behaviour> {
  readonly fault?: Fault;
  /** What QEMU's monitor answers to a command, instead of the usual. A throw is an error object. */
  readonly monitor?: (command: { execute: string; arguments?: unknown }, socket: string) => unknown;
}

/** Everything on the host that a plan may change, as plain data: two equal snapshots are two equal hosts. */
export interface HostSnapshot {
  readonly domains: readonly object[];
  readonly introduced: readonly number[];
  readonly store: readonly string[];
  readonly processes: readonly object[];
  readonly attached: readonly (readonly [string, string])[];
  readonly files: readonly (readonly [string, string, number])[];
  readonly locks: readonly string[];
}

/** A host in memory, with everything to be seen and faults on demand: for tests, and for trying plans. */
export interface MemoryHost {
  /** What plans run on: recorded, and failing where a fault was asked for. */
  readonly ports: Ports;
  /** The same without records and faults: for what was there before. */
  readonly bare: Ports;
  /** Every port call so far, the clock's aside. */
  readonly calls: readonly PortCall[];
  readonly store: MemoryStore;
  readonly hypervisor: MemoryHypervisor;
  readonly processes: MemoryProcesses;
  readonly files: MemoryFiles;
  readonly clock: VirtualClock;
  snapshot(): HostSnapshot;
  /** Resolves when nobody has anything left to do: late answers of the simulated others included. */
  settled(): Promise<void>;
}

/** Makes a host with dom0 alone on it. */
export function memoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const behaviour: Behaviour = {
    backends: options.backends ?? 'wait',
    processes: options.processes ?? 'ready',
    scripts: options.scripts ?? 'work',
  };
  const clock = new VirtualClock();
  const store = new MemoryStore();
  for (const path of ['/vm', '/libxl/0']) store.write(path, '');
  store.write('/local/domain/0/name', 'Domain-0');
  const hypervisor = new MemoryHypervisor((domid) => store.release(domid));
  const processes = new MemoryProcesses(store, clock, behaviour);
  const files = new MemoryFiles(clock, processes.logs);
  simulateBackends(store, clock, behaviour);
  const monitors: Ports['monitors'] = {
    execute: async (socket, commands) => {
      await Promise.resolve();
      return commands.map((command) => options.monitor?.(command, socket) ?? monitorAnswer(command.execute));
    },
  };
  const calls: PortCall[] = [];
  const bare: Ports = { hypervisor, store: store.port, processes, blocks: processes.blocks, files, monitors, clock };
  return {
    ports: watchedPorts(bare, calls, options.fault ?? null, () => clock.busy()),
    bare,
    calls,
    store,
    hypervisor,
    processes,
    files,
    clock,
    settled: () => clock.settled(),
    snapshot: () => ({
      domains: [...hypervisor.domains.values()].map((domain) => ({ ...domain })),
      introduced: [...store.introduced.keys()].sort((a, b) => a - b),
      store: store.dump(),
      processes: [...processes.running.values()].map(({ pid, argv, domid }) => ({ pid, argv, domid })),
      attached: [...processes.attached].sort(),
      files: [...files.files].map(([path, { content, mode }]) => [path, content, mode] as const).sort(),
      locks: [...files.locks].sort(),
    }),
  };
}
