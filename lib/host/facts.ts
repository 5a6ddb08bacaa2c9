import type { HostDirs, HostFacts, PathFacts, QemuFacts } from '../base/facts.ts';
import type { StoreView } from '../run/ports.ts';
import type { Assumptions } from './facts/assume.ts';
import { domainFacts, type DomainQuestion } from './facts/domains.ts';
import { pathFacts } from './facts/paths.ts';

export { parseAssumptions, type Assumptions } from './facts/assume.ts';
export type { DomainQuestion } from './facts/domains.ts';
export { readFacts } from './facts/file.ts';

/** A host as far as it is known without looking: which one it is, and where its things are. */
export interface HostDescription {
  readonly host: HostFacts['host'];
  readonly xenVersion: string;
  readonly dirs: HostDirs;
  readonly qemu: Omit<QemuFacts, 'version'>;
  /** See HostFacts. */
  readonly freeMemoryKiB?: number;
}

export interface GatherOptions {
  /** Paths that the configuration names, as typed. */
  readonly paths: readonly string[];
  /** Relative paths count from here; the working directory unless said. */
  readonly directory?: string;
  /** The host's xenstore, or null where there is none to ask: then only dom0 exists. */
  readonly store: StoreView | null;
  /** What the domains that there are matter for; everything unless said. */
  readonly domains?: DomainQuestion;
}

/** Looks at a host: its QEMU, its tools, its domains and the paths, all at once. */
export async function gatherFacts(description: HostDescription, options: GatherOptions): Promise<HostFacts> {
  const { dirs, qemu } = description;
  const directory = options.directory ?? process.cwd();
  // Loaded here: plans on assumed facts ask no QEMU, and start sooner for it.
  const [{ qemuVersion }, { toolFacts }] = await Promise.all([import('./facts/qemu.ts'), import('./facts/tools.ts')]);
  const [version, paths, tools, domains] = await Promise.all([
    qemuVersion(qemu.path, `${dirs.state}/qemu-version.json`),
    pathFacts(options.paths, directory),
    toolFacts(dirs.scripts),
    options.store === null ? [DOM0] : domainFacts(options.store, options.domains),
  ]);
  return { schema: 1, ...description, qemu: { ...qemu, version }, domains, directory, paths, tools, assumed: [] };
}

export interface AssumeOptions {
  readonly paths: readonly string[];
  readonly directory?: string;
  readonly assumptions: Assumptions;
}

/**
 * Facts for planning for a Xen host where there is none: Debian 12's Xen unless told otherwise, each guess listed in
 * `assumed`. What the paths are is really looked up.
 */
export async function assumedFacts({
  paths,
  directory = process.cwd(),
  assumptions,
}: AssumeOptions): Promise<HostFacts> {
  const found = await pathFacts(paths, directory);
  const { present, assumed } = assumedPaths(found, assumptions);
  const host = assumedHost(assumptions);
  return { ...host, directory, paths: { ...found, ...present }, assumed: [...host.assumed, ...assumed] };
}

/** Facts from a file, over which assumptions still go; paths that the file does not know are looked up. */
export async function completeFacts(facts: HostFacts, options: AssumeOptions): Promise<HostFacts> {
  const { xen, qemu, qemuPath } = options.assumptions;
  const unknown = options.paths.filter((path) => !Object.hasOwn(facts.paths, path));
  const found: Record<string, PathFacts> = await pathFacts(unknown, options.directory ?? process.cwd());
  const { present, assumed } = assumedPaths(found, options.assumptions);
  return {
    ...facts,
    xenVersion: xen ?? facts.xenVersion,
    qemu: { ...facts.qemu, version: qemu ?? facts.qemu.version, path: qemuPath ?? facts.qemu.path },
    paths: { ...facts.paths, ...found, ...present },
    assumed: [...facts.assumed, ...listAssumptions(options.assumptions), ...assumed],
  };
}

/** With `paths=present`, what is missing here is there on the other machine: in /dev a block device, elsewhere a file. */
function assumedPaths(
  found: Readonly<Record<string, PathFacts>>,
  { pathsPresent }: Assumptions,
): { present: Record<string, PathFacts>; assumed: string[] } {
  const missing = pathsPresent === true ? Object.keys(found).filter((path) => found[path]?.kind === 'missing') : [];
  const entries = missing.map((path) => [path, somethingAt(path)] as const);
  return {
    present: Object.fromEntries(entries),
    assumed: entries.map(
      ([path, { kind }]) => `${path}: a ${kind === 'block' ? 'block device' : 'file'} that can be used`,
    ),
  };
}

function somethingAt(path: string): Exclude<PathFacts, { kind: 'missing' }> {
  const kind = path.startsWith('/dev/') ? 'block' : 'file';
  return { kind, readable: true, writable: true, size: 0, identity: `assumed ${path}` };
}

const DOM0 = { domid: 0, name: 'Domain-0', uuid: null, images: [] } as const;

/** What Debian 12 ships. */
const USUAL = { xen: '4.17', qemu: '7.2', qemuPath: '/usr/libexec/xen-qemu-system-i386' } as const;

function assumedHost({ xen, qemu, qemuPath }: Assumptions): Omit<HostFacts, 'paths'> {
  const xenVersion = xen ?? USUAL.xen;
  const version = qemu ?? USUAL.qemu;
  const path = qemuPath ?? USUAL.qemuPath;
  const firmware = `/usr/lib/xen-${majorMinor(xenVersion)}/boot`;
  return {
    schema: 1,
    host: 'xen',
    xenVersion,
    qemu: { path, version, accel: 'xen', accelReason: 'a Xen host' },
    dirs: {
      lib: '/var/lib/xen',
      run: '/var/run/xen',
      log: '/var/log/xen',
      scripts: '/etc/xen/scripts',
      firmware,
      state: '/var/run/xen',
    },
    domains: [DOM0],
    tools: { tapCtl: null, tapback: false, blockScripts: ['block'] },
    assumed: [
      `Xen: ${xenVersion}`,
      `QEMU: ${version} at ${path}`,
      `firmware: ${firmware}`,
      'directories: Debian’s',
      'domains: none but domain 0',
      'blktap: none',
    ],
  };
}

function listAssumptions({ xen, qemu, qemuPath }: Assumptions): string[] {
  return [
    ...(xen === undefined ? [] : [`Xen: ${xen}`]),
    ...(qemu === undefined ? [] : [`QEMU: ${qemu}`]),
    ...(qemuPath === undefined ? [] : [`QEMU’s path: ${qemuPath}`]),
  ];
}

const majorMinor = (version: string): string => version.split('.').slice(0, 2).join('.');
