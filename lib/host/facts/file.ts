import { XlError } from '../../base/error.ts';
import type { BackingFacts, DomainFacts, HostFacts, ImageFacts, PathFacts } from '../../base/facts.ts';
import { array, boolean, nullable, number, object, oneOf, optional, record, string, type Check } from './check.ts';

const IMAGE_FORMATS = ['raw', 'qcow', 'qcow2', 'vhd', 'vhdx', 'qed', 'vmdk', 'vdi', 'luks', 'iso'] as const;
const BACKING_STATES = ['ok', 'missing', 'unreadable', 'directory', 'cycle', 'too-deep', 'not-a-file'] as const;
const PATH_KINDS = ['file', 'block', 'char', 'directory', 'fifo', 'socket'] as const;

const image: Check<ImageFacts> = (value, at) =>
  object<ImageFacts>({
    format: oneOf(IMAGE_FORMATS),
    virtualSize: nullable(number),
    backing: nullable(backing),
    problems: array(string),
  })(value, at);

const backing: Check<BackingFacts> = object<BackingFacts>({
  name: string,
  path: nullable(string),
  declaredFormat: nullable(string),
  state: oneOf(BACKING_STATES),
  image: nullable(image),
});

const missingPath = object<Extract<PathFacts, { kind: 'missing' }>>({ kind: oneOf(['missing']), errno: string });
const presentPath = object<Exclude<PathFacts, { kind: 'missing' }>>({
  kind: oneOf(PATH_KINDS),
  readable: boolean,
  writable: boolean,
  size: number,
  identity: string,
  device: optional(string),
  image: optional(image),
});
const path: Check<PathFacts> = (value, at) =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'missing'
    ? missingPath(value, at)
    : presentPath(value, at);

const domain = object<DomainFacts>({
  domid: number,
  name: nullable(string),
  uuid: nullable(string),
  images: array(object<DomainFacts['images'][number]>({ path: string, vdev: string, mode: oneOf(['r', 'w']) })),
});

const hostFacts = object<HostFacts>({
  schema: oneOf([1]),
  host: oneOf(['xen', 'embedded']),
  xenVersion: string,
  qemu: object<HostFacts['qemu']>({
    path: string,
    version: nullable(string),
    accel: oneOf(['xen', 'kvm', 'tcg']),
    accelReason: string,
  }),
  dirs: object<HostFacts['dirs']>({
    lib: string,
    run: string,
    log: string,
    scripts: string,
    firmware: string,
    state: string,
  }),
  domains: array(domain),
  freeMemoryKiB: optional(number),
  directory: optional(string),
  paths: record(path),
  tools: object<HostFacts['tools']>({ tapCtl: nullable(string), tapback: boolean, blockScripts: array(string) }),
  assumed: array(string),
});

/**
 * Reads a facts file as `xl host facts --json` writes it. Throws XlError `facts-invalid` that says which field of
 * `source` is wrong; fields that no reader knows are dropped.
 */
export function readFacts(text: string, source: string): HostFacts {
  try {
    return hostFacts(JSON.parse(text), 'the file');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new XlError('facts-invalid', `${source} holds no facts about a host: ${why}`, {
      where: { source },
      cause: error,
      hint: 'make it with `xl host facts --json > FILE` on the host in question',
    });
  }
}
