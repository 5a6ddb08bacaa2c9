import type { DomainConfig } from '../config/domain.ts';
import type { KeyName } from '../config/keys.ts';
import type { Disk } from '../disk/disk.ts';
import { framebuffers } from '../config/screens.ts';
import { buildInfo } from './build-info.ts';
import { diskJson, nicJson, vfbJson, type ChosenVif } from './devices.ts';
import { defbool, list, sparse, type JsonObject } from './json.ts';

/** What is in the JSON beside what the user said. */
export interface Chosen {
  /** The domain's, said or drawn. */
  readonly uuid: string;
  /** The 16 bytes of `ms_vm_genid`, drawn for an HVM guest that has one. */
  readonly generation?: readonly number[];
  /** Of a domain that has been made: what its creation chose. */
  readonly creation?: { readonly videoKiB: number; readonly vifs: readonly ChosenVif[] };
}

/** Xen's number for "no domain yet" (DOMID_INVALID), which a domain's own configuration bears (xl: `domid_policy`). */
const NO_DOMID = 0xffffffff;

/**
 * A configuration in libxl's words (`libxl_domain_config` of libxl_types.idl, Xen 4.17): what the user said, and of what
 * libxl would choose only what is given. Keys are in libxl's order; a field with libxl's initial value is left out.
 */
export function domainJson(config: DomainConfig, chosen: Chosen): JsonObject {
  const { creation } = chosen;
  const screens = framebuffers(config);
  return sparse({
    c_info: createInfo(config, chosen),
    b_info: buildInfo(config, chosen),
    disks: list(config.disks.map(({ disk }) => diskJson(creation === undefined ? disk : ownDisk(disk)))),
    nics: list(config.vifs.map(({ vif }, index) => nicJson(vif, creation?.vifs[index] ?? { devid: vif.devid }))),
    vfbs: list(screens.map(vfbJson)),
    // xl makes a keyboard for each framebuffer.
    vkbs: list(screens.map((_, devid) => ({ devid }))),
    ...endings(config),
  });
}

/** Keys that are in stock xl's JSON and not in ours: their words are not read apart yet. */
const NOT_IN_JSON: readonly KeyName[] = [
  'cpus',
  'cpus_soft',
  'vnuma',
  'cpuid',
  'ioports',
  'irqs',
  'iomem',
  'rdm',
  'pci',
  'dtdev',
  'vkb',
  'vtpm',
  'p9',
  'pvcalls',
  'vdispl',
  'vsnd',
  'channel',
  'usbctrl',
  'usbdev',
];

/** What a configuration says and its JSON does not: the keys' names. */
export const missingFromJson = ({ places }: Pick<DomainConfig, 'places'>): readonly KeyName[] =>
  NOT_IN_JSON.filter((name) => places[name] !== undefined);

/** libxl says of a disk that a domain is made with that it is no COLO secondary's. */
const ownDisk = (disk: Disk): Disk => ({ ...disk, coloRestoreEnable: disk.coloRestoreEnable ?? false });

function createInfo({ keys, name, type }: DomainConfig, { uuid, creation }: Chosen): JsonObject {
  return sparse({
    type,
    hap: defbool(keys.hap),
    oos: defbool(keys.oos),
    ssid_label: keys.init_seclabel ?? keys.seclabel,
    name,
    domid: creation === undefined ? null : NO_DOMID,
    uuid,
    pool_name: keys.pool,
    run_hotplug_scripts: 'True',
    driver_domain: defbool(keys.driver_domain),
    passthrough: keys.passthrough === 'default' ? null : keys.passthrough,
    xend_suspend_evtchn_compat: defbool(keys.xend_suspend_evtchn_compat),
  });
}

/** What becomes of the domain at its end; `destroy` is libxl's initial value. */
function endings({ keys }: DomainConfig): Readonly<Record<string, string | null>> {
  return {
    on_poweroff: ending(keys.on_poweroff ?? 'destroy'),
    on_reboot: ending(keys.on_reboot ?? 'restart'),
    on_watchdog: ending(keys.on_watchdog ?? 'destroy'),
    on_crash: ending(keys.on_crash ?? 'destroy'),
    on_soft_reset: ending(keys.on_soft_reset ?? 'soft-reset'),
  };
}

function ending(action: string): string | null {
  if (action === 'destroy') return null;
  return action === 'rename-restart' ? 'restart_rename' : action.replaceAll('-', '_');
}
