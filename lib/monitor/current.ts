import type { ConfiguredDisk, ConfiguredVif, DomainConfig } from '../config/domain.ts';
import { tryDescribeVdev } from '../disk/vdev.ts';
import type { RunningDevice, RunningDomain } from '../plan/running.ts';
import { readKeptDevices, type KeptDevices } from './kept-devices.ts';

/** A domain at its end, as its toolstack's nodes and files describe it. */
export interface DomainAtEnd {
  readonly running: RunningDomain;
  /** libxl's JSON of the domain, which attaching and detaching keep up to date; null where there is none. */
  readonly json: string | null;
  /** What it had for its target and at most, in KiB, the video card's own memory included; null where nobody knows. */
  readonly memory: { readonly targetKiB: number; readonly maxKiB: number } | null;
  /** How many vcpus were online; null where nobody knows. */
  readonly vcpus: number | null;
}

const KIB_PER_MIB = 1024;

/**
 * The configuration by which a domain is made again: the one it was made with, and what was changed while it ran, as
 * libxl takes it over (libxl_domain.c:libxl_retrieve_domain_configuration): its name, uuid, memory and vcpus, devices
 * that came and devices that went.
 */
export function currentConfig(config: DomainConfig, now: DomainAtEnd): DomainConfig {
  const { running, memory, vcpus } = now;
  const kept = readKeptDevices(now.json);
  const has = (kind: string, devid: number | undefined): RunningDevice | undefined =>
    running.devices.find((device) => device.kind === kind && device.devid === devid);
  const hasDisk = ({ disk: { vdev } }: ConfiguredDisk): boolean =>
    has('vbd', devidOf(vdev)) !== undefined || has('virtio_disk', devidOf(vdev)) !== undefined;
  const isNewDisk = ({ disk: { vdev } }: ConfiguredDisk): boolean =>
    config.disks.every(({ disk }) => devidOf(disk.vdev) !== devidOf(vdev));
  const isNewVif = ({ vif }: ConfiguredVif): boolean => config.vifs.every((other) => other.vif.devid !== vif.devid);
  return {
    ...config,
    name: running.name ?? config.name,
    keys: {
      ...config.keys,
      uuid: running.uuid ?? config.keys.uuid,
      ...(memory === null ? {} : { memory: mebibytes(memory.targetKiB), maxmem: mebibytes(memory.maxKiB) }),
      ...(vcpus === null ? {} : { vcpus, maxvcpus: config.keys.maxvcpus ?? config.keys.vcpus ?? vcpus }),
    },
    disks: [...config.disks.map((disk) => withMedium(disk, kept)), ...kept.disks.filter(isNewDisk)].filter(hasDisk),
    vifs: [...config.vifs, ...kept.vifs.filter(isNewVif)].flatMap((configured) => {
      const device = has('vif', configured.vif.devid);
      return device === undefined ? [] : [withMac(configured, device)];
    }),
  };
}

/** The disc that is in the drive now. */
function withMedium(configured: ConfiguredDisk, { disks }: KeptDevices): ConfiguredDisk {
  const { disk } = configured;
  const now = disks.find((kept) => devidOf(kept.disk.vdev) === devidOf(disk.vdev));
  if (disk.isCdrom === 0 || now === undefined) return configured;
  const { pdevPath, format } = now.disk;
  return { ...configured, disk: { ...disk, pdevPath, format } };
}

/** The guest keeps the address that was drawn for it. */
const withMac = ({ vif, where }: ConfiguredVif, { keys }: RunningDevice): ConfiguredVif => ({
  vif: { ...vif, mac: vif.mac ?? keys.mac ?? null },
  where,
});

const devidOf = (vdev: string | null): number | undefined => tryDescribeVdev(vdev ?? '')?.devid;

const mebibytes = (kib: number): number => Math.max(1, Math.floor(kib / KIB_PER_MIB));
