import { stat } from 'node:fs/promises';
import { XlError } from '../../base/error.ts';
import type { DscowTarget } from '../../disk/dscow.ts';
import { createOverlay } from './create.ts';
import { openRegistry } from './registry.ts';
import { serverNamed, stopServer } from './servers.ts';

/** The overlays that domains have as disks: each has a server, which comes and goes with the disk. */
export interface DomainOverlays {
  /** Serves an overlay, made first where it is not there; the socket, at which the export has the same name. */
  open(name: string, target: DscowTarget, options: { readonly readOnly: boolean }): Promise<string>;
  /** Flushes and ends the server; one that is not there is fine. */
  close(name: string): Promise<void>;
  /** Ends the servers of all domains: of those that a killed daemon left behind. */
  closeAll(): Promise<void>;
}

/** Overlays below a state directory; `xl` is the command that runs this program. */
export function domainOverlays(options: {
  readonly stateRoot: string;
  readonly xl: readonly string[];
  readonly log: (line: string) => void;
}): DomainOverlays {
  const registry = () => openRegistry(options.stateRoot);
  const close = async (name: string): Promise<void> => {
    const server = await (await registry()).server(name);
    if (server !== null) await stopServer(server);
  };
  return {
    open: async (name, target, { readOnly }) => {
      if (await makeIfMissing(target)) options.log(`made ${target.cow} over ${target.base ?? ''}`);
      const all = await registry();
      const socket = all.socketOf(name);
      const serve = ['dscow', 'serve', '--foreground', `--name=${name}`, `--socket=${socket}`];
      const command = [...options.xl, ...serve, ...(readOnly ? ['--read-only'] : []), '--', target.cow];
      const signal = new AbortController().signal;
      return (await serverNamed({ registry: all, name, file: target.cow, command, signal })).socket;
    },
    close,
    closeAll: async () => {
      const servers = await (await registry()).servers();
      await Promise.all(servers.filter(({ name }) => /^dom\d+-/.test(name)).map(({ name }) => close(name)));
    },
  };
}

/** Makes an overlay that is not there over the base that its disk names. Whether it did. */
export async function makeIfMissing({ cow, base }: DscowTarget): Promise<boolean> {
  const there = await stat(cow).then(
    () => true,
    () => false,
  );
  if (there || base === null) return false;
  try {
    await createOverlay(cow, base);
    return true;
  } catch (error) {
    // Two who start at once both want it: either made it.
    if (error instanceof XlError && error.code === 'dscow-exists') return false;
    throw error;
  }
}
