import type { ConfiguredDisk, ConfiguredVif } from '../config/domain.ts';
import type { Vif } from '../config/vif.ts';
import type { Disk } from '../disk/disk.ts';

/** The disks and interfaces of libxl's JSON, as a configuration would have them. */
export interface KeptDevices {
  readonly disks: readonly ConfiguredDisk[];
  readonly vifs: readonly ConfiguredVif[];
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads the devices of a domain's kept JSON (libxl_types.idl). What is no JSON, or misses, has no devices. */
export function readKeptDevices(json: string | null): KeptDevices {
  const domain = json === null ? null : parse(json);
  const listOf = (name: string): JsonObject[] => {
    const list = domain?.[name];
    return Array.isArray(list) ? list.filter(isObject) : [];
  };
  return {
    disks: listOf('disks').map((found) => ({
      disk: diskOf(found),
      spec: `${text(found.pdev_path) ?? ''},${text(found.vdev) ?? ''}`,
      where: ATTACHED,
    })),
    vifs: listOf('nics').map((found, index) => ({ vif: vifOf(found, index), where: ATTACHED })),
  };
}

const ATTACHED = { source: 'the kept configuration' } as const;

function diskOf(found: JsonObject): Disk {
  return {
    backendDomname: text(found.backend_domname),
    pdevPath: text(found.pdev_path),
    vdev: text(found.vdev),
    backend: oneOf(found.backend, ['phy', 'tap', 'qdisk', 'standalone']) ?? 'unknown',
    format: oneOf(found.format, ['raw', 'qcow', 'qcow2', 'vhd', 'qed', 'empty']) ?? 'raw',
    script: text(found.script),
    removable: flag(found.removable),
    readwrite: flag(found.readwrite),
    isCdrom: flag(found.is_cdrom),
    directIoSafe: found.direct_io_safe === true,
    discardEnable: defbool(found.discard_enable),
    specification: oneOf(found.specification, ['xen', 'virtio']) ?? 'unknown',
    transport: oneOf(found.transport, ['mmio']) ?? 'unknown',
    grantUsage: defbool(found.grant_usage),
    trusted: defbool(found.trusted),
    coloEnable: defbool(found.colo_enable),
    coloRestoreEnable: defbool(found.colo_restore_enable),
    coloHost: text(found.colo_host),
    coloPort: number(found.colo_port) ?? 0,
    coloExport: text(found.colo_export),
    activeDisk: text(found.active_disk),
    hiddenDisk: text(found.hidden_disk),
  };
}

function vifOf(found: JsonObject, index: number): Vif {
  const bytes = number(found.rate_bytes_per_interval);
  const interval = number(found.rate_interval_usecs);
  const type = oneOf(found.nictype, ['vif', 'vif_ioemu']);
  return {
    devid: number(found.devid) ?? index,
    mac: text(found.mac),
    bridge: text(found.bridge),
    gatewaydev: text(found.gatewaydev),
    type: type === 'vif_ioemu' ? 'ioemu' : type,
    model: text(found.model),
    ifname: text(found.ifname),
    script: text(found.script),
    ip: text(found.ip),
    backendDomname: text(found.backend_domname),
    rate: bytes === null ? null : { bytesPerInterval: BigInt(bytes), intervalUsecs: interval ?? 0 },
    mtu: number(found.mtu),
    trusted: defbool(found.trusted),
    forwarddev: text(found.coloft_forwarddev),
  };
}

/** libxl ends its file with a NUL. */
function parse(json: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(json.replace(/[\s\0]*$/, ''));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);
const flag = (value: unknown): 0 | 1 => (value === 1 || value === true ? 1 : 0);

/** libxl's three-valued boolean. */
const defbool = (value: unknown): boolean | null => (value === 'True' ? true : value === 'False' ? false : null);

const oneOf = <Word extends string>(value: unknown, words: readonly Word[]): Word | null =>
  words.find((word) => word === value) ?? null;
