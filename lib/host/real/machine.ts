import { availableParallelism, freemem, hostname, machine, release, totalmem, version } from 'node:os';

/** This machine as its own kernel sees it: uname(2)'s words, CPUs, and memory in bytes. */
export interface Machine {
  readonly host: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly cpus: number;
  readonly totalMemory: number;
  readonly freeMemory: number;
}

/** Looks at this machine. */
export const thisMachine = (): Machine => ({
  host: hostname(),
  release: release(),
  version: version(),
  machine: machine(),
  cpus: availableParallelism(),
  totalMemory: totalmem(),
  freeMemory: freemem(),
});
