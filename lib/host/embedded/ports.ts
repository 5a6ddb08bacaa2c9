import type { ExitStatus, Ports } from '../../run/ports.ts';
import { storePort } from '../../xenstore/port.ts';
import { realClock } from '../real/clock.ts';
import { realFiles } from '../real/files.ts';
import { realProcesses } from '../real/processes.ts';
import { noBlocks } from './no-blocks.ts';
import type { HostConnection } from './start.ts';

/** The doors through which a plan acts on the embedded host. Relative paths count from this process's directory. */
export function embeddedPorts({ control, store }: HostConnection): Ports {
  return {
    hypervisor: { call: (call, signal) => control.ask({ op: 'hypercall', call }, signal) },
    store: storePort(store),
    processes: {
      spawn: async (request, signal) => {
        signal.throwIfAborted();
        // Not broken off half way: a process that nobody knows of would stay.
        const { pid } = await control.ask({ op: 'spawn', request: { cwd: process.cwd(), ...request } });
        const exited: Promise<ExitStatus> = control.ask({ op: 'exited', pid });
        exited.catch(() => undefined);
        return { pid, exited };
      },
      // What the daemon has started is noted by the daemon, and goes with its domain.
      kill: async ({ pid, ...target }) => pid !== null && (await control.ask({ op: 'kill', pid, ...target })).found,
      run: (command, signal) => realProcesses.run(command, signal),
    },
    blocks: noBlocks,
    files: realFiles,
    monitors: {
      execute: async (socket, commands, { timeoutMs, signal }) => [
        ...(await control.ask({ op: 'qmp', socket, commands, timeoutMs }, signal)),
      ],
    },
    clock: realClock,
  };
}
