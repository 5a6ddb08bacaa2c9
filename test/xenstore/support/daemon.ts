import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { StoreServer } from '../../../lib/xenstore/server.ts';
import { StoreServerCore } from '../../../lib/xenstore/store/core.ts';
import type { StoreOptions } from '../../../lib/xenstore/store/core.ts';
import { connectInProcess } from '../../../lib/xenstore/store/serve.ts';

/** A store that tests talk to: ours, or one of Debian's daemons. */
export interface Daemon {
  readonly path: string;
  /** The pretend hypervisor has a domain of that number from now on. */
  makeDomain(domid: number): void;
  /** The domain is no more, and the daemon is told. */
  killDomain(domid: number): Promise<void>;
  /** The domain's own connection; it was introduced before. */
  connectDomain(domid: number): Promise<Duplex>;
  stop(): Promise<void>;
}

export async function connectSocket(daemon: Pick<Daemon, 'path'>): Promise<Duplex> {
  const socket = createConnection(daemon.path);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

/** A directory of the test's own, short enough for socket paths. */
export const temporaryDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'xs-'));

/** Our own store on a socket. */
export async function startOurs(options: StoreOptions = {}): Promise<Daemon & { readonly core: StoreServerCore }> {
  const directory = await temporaryDirectory();
  const domains = new Set([0]);
  const core = new StoreServerCore({ domainExists: (domid) => domains.has(domid), ...options });
  const server = await StoreServer.listen(core, join(directory, 'socket'));
  return {
    core,
    path: server.path,
    makeDomain: (domid) => void domains.add(domid),
    killDomain: (domid) => {
      domains.delete(domid);
      core.release(domid);
      return Promise.resolve();
    },
    connectDomain: (domid) => Promise.resolve(connectInProcess(core, domid)),
    stop: async () => {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}
