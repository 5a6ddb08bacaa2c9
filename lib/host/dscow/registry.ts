import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { XlError } from '../../base/error.ts';
import type { ProcessIdentity } from '../../run/journal.ts';
import { bootId, isAlive } from '../real/identity.ts';
import { realFiles } from '../real/files.ts';

/** A server that runs, as it says itself. */
export interface ServerRecord extends ProcessIdentity {
  readonly name: string;
  /** The dscow file's real path. */
  readonly file: string;
  readonly base: string;
  readonly socket: string;
  readonly readOnly: boolean;
  /** Seconds since 1970. */
  readonly startedAt: number;
}

/** The block device that a server's disk was given, and what it takes to give it back. */
export interface DeviceRecord {
  readonly name: string;
  readonly device: string;
  readonly via: 'nbd' | 'loop';
  /** The qemu-storage-daemon that shows the disk as a file for the loop device. */
  readonly daemon: ProcessIdentity | null;
  /** The file that it shows. */
  readonly mountpoint: string | null;
}

/** Servers and devices by name, as files of one directory that only its owner can write. */
export interface Registry {
  readonly directory: string;
  socketOf(name: string): string;
  logOf(name: string): string;
  mountpointOf(name: string): string;
  servers(): Promise<readonly ServerRecord[]>;
  /** The server of this name that lives; a dead one's record is removed. */
  server(name: string): Promise<ServerRecord | null>;
  device(name: string): Promise<DeviceRecord | null>;
  devices(): Promise<readonly DeviceRecord[]>;
  writeServer(record: ServerRecord): Promise<void>;
  writeDevice(record: DeviceRecord): Promise<void>;
  removeServer(name: string): Promise<void>;
  removeDevice(name: string): Promise<void>;
}

/** Names are parts of file names. Throws XlError `dscow-name`. */
export function checkName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$/.test(name)) return name;
  throw new XlError('dscow-name', `"${name.slice(0, 80)}" cannot be a name`, {
    hint: 'a name has letters, digits, `_`, `.`, `+` and `-`, 64 at most, and begins with a letter or digit',
  });
}

/** The registry below a state directory, which is made where it is not there. */
export async function openRegistry(stateRoot: string): Promise<Registry> {
  const directory = join(stateRoot, 'dscow');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const at = (name: string, ending: string) => join(directory, `${checkName(name)}.${ending}`);
  const read = async <T>(path: string): Promise<T | null> => {
    const text = await readFile(path, 'utf8').catch(() => null);
    try {
      return text === null ? null : (JSON.parse(text) as T);
    } catch {
      return null;
    }
  };
  const names = async (ending: string) =>
    (await readdir(directory)).filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
  const server = async (name: string): Promise<ServerRecord | null> => {
    const record = await read<ServerRecord>(at(name, 'server.json'));
    if (record === null) return null;
    if (record.bootId === (await bootId()) && (await isAlive(record))) return record;
    await rm(at(name, 'server.json'), { force: true });
    return null;
  };
  const device = (name: string) => read<DeviceRecord>(at(name, 'device.json'));
  const all = async <T>(ending: string, one: (name: string) => Promise<T | null>): Promise<T[]> =>
    (await Promise.all((await names(ending)).sort().map(one))).filter((record) => record !== null);
  return {
    directory,
    socketOf: (name) => at(name, 'sock'),
    logOf: (name) => at(name, 'log'),
    mountpointOf: (name) => at(name, 'img'),
    servers: () => all('.server.json', server),
    server,
    devices: () => all('.device.json', device),
    device,
    writeServer: (record) => realFiles.write(at(record.name, 'server.json'), JSON.stringify(record), 0o600),
    writeDevice: (record) => realFiles.write(at(record.name, 'device.json'), JSON.stringify(record), 0o600),
    removeServer: (name) => rm(at(name, 'server.json'), { force: true }),
    removeDevice: (name) => rm(at(name, 'device.json'), { force: true }),
  };
}
