import type { DomainConfig } from '../config/domain.ts';
import type { Vif } from '../config/vif.ts';
import type { VifDevice } from '../device/vif.ts';
import type { Disk } from '../disk/disk.ts';
import type { Resolved } from './resolved.ts';
import { resolveVcpus } from './size.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** Xen's number for "no domain yet" (DOMID_INVALID as libxl prints it). */
const NO_DOMID = 0xffffffff;

/**
 * The configuration as libxl keeps it in userdata and `xl list -l` prints it: what the user said, in libxl's words
 * (libxl_types.idl), with what creation itself chose (uuid, MACs, video memory). Four blanks a level, a final newline.
 */
export function libxlJson(domain: Resolved): string {
  return `${JSON.stringify(libxlConfig(domain), null, 4)}\n`;
}

/** The same as an object, keys in libxl's order; a key that has libxl's initial value is left out, as libxl does. */
export function libxlConfig(domain: Resolved): JsonObject {
  const { config } = domain;
  return compact({
    c_info: compact({
      type: domain.type,
      hap: defbool(config.keys.hap),
      name: domain.name,
      domid: NO_DOMID,
      uuid: domain.uuid,
      run_hotplug_scripts: 'True',
      driver_domain: defbool(config.keys.driver_domain),
    }),
    b_info: buildInfo(domain),
    disks: list(config.disks.map(({ disk }) => diskJson(disk))),
    nics: list(domain.vifs.map((vif, index) => nicJson(config.vifs[index]!.vif, vif))),
    ...endings(config),
  });
}

function buildInfo({ config, memory, kernel, ramdisk, cmdline, type }: Resolved): JsonObject {
  const { keys } = config;
  const { online, max } = resolveVcpus(config);
  return compact({
    max_vcpus: max,
    avail_vcpus: Array.from({ length: online }, (_, cpu) => cpu),
    max_memkb: memory.maxKiB,
    target_memkb: memory.targetKiB,
    video_memkb: memory.videoKiB,
    rtc_timeoffset: keys.rtc_timeoffset,
    localtime: defbool(keys.localtime),
    sched_params: {},
    claim_mode: 'True',
    event_channels: keys.max_event_channels,
    kernel,
    cmdline,
    ramdisk,
    device_model_version: keys.device_model_version === null ? null : 'qemu_xen',
    device_model: keys.device_model_override,
    extra: list(keys.device_model_args ?? []),
    extra_pv: list(keys.device_model_args_pv ?? []),
    extra_hvm: list(keys.device_model_args_hvm ?? []),
    acpi: defbool(keys.acpi),
    apic: defbool(keys.apic),
    nested_hvm: defbool(keys.nestedhvm),
    [`type.${type}`]: type === 'hvm' ? hvmInfo(config) : {},
    arch_arm: {},
    arch_x86: {},
  });
}

function hvmInfo({ keys }: DomainConfig): JsonObject {
  const kinds = { stdvga: 'std', cirrus: 'cirrus', none: 'none', qxl: 'qxl' } as const;
  const vga = keys.vga ?? (keys.stdvga === true ? 'stdvga' : null);
  const serial = keys.serial ?? [];
  const usbdevices = keys.usbdevice ?? [];
  return compact({
    bios: keys.bios,
    pae: defbool(keys.pae),
    nographic: defbool(keys.nographic),
    vga: compact({ kind: vga === null ? null : kinds[vga] }),
    vnc: compact({
      enable: defbool(keys.vnc),
      listen: keys.vnclisten,
      passwd: keys.vncpasswd,
      display: keys.vncdisplay,
      findunused: defbool(keys.vncunused),
    }),
    keymap: keys.keymap,
    sdl: compact({ enable: defbool(keys.sdl) }),
    spice: {},
    serial: serial.length === 1 ? serial[0] : null,
    boot: keys.boot,
    usb: defbool(keys.usb),
    usbdevice: usbdevices.length === 1 ? usbdevices[0] : null,
    soundhw: keys.soundhw,
    xen_platform_pci: defbool(keys.xen_platform_pci),
    usbdevice_list: usbdevices.length > 1 ? usbdevices : null,
    serial_list: serial.length > 1 ? serial : null,
    hdtype: keys.hdtype,
    rdm: {},
  });
}

/** One disk in libxl's JSON; what `xl -N block-attach` prints. */
export function diskJson(disk: Disk): JsonObject {
  return compact({
    backend_domname: disk.backendDomname,
    pdev_path: disk.pdevPath,
    vdev: disk.vdev,
    backend: disk.backend === 'unknown' ? null : disk.backend,
    format: disk.format,
    script: disk.script,
    removable: disk.removable === 1 ? 1 : null,
    readwrite: disk.readwrite === 1 ? 1 : null,
    is_cdrom: disk.isCdrom === 1 ? 1 : null,
    direct_io_safe: disk.directIoSafe ? true : null,
    discard_enable: defbool(disk.discardEnable),
    specification: disk.specification === 'unknown' ? null : disk.specification,
    transport: disk.transport === 'unknown' ? null : disk.transport,
    colo_enable: defbool(disk.coloEnable),
    colo_restore_enable: defbool(disk.coloRestoreEnable),
    colo_host: disk.coloHost,
    colo_port: disk.coloPort === 0 ? null : disk.coloPort,
    colo_export: disk.coloExport,
    active_disk: disk.activeDisk,
    hidden_disk: disk.hiddenDisk,
    trusted: defbool(disk.trusted),
    grant_usage: defbool(disk.grantUsage),
  });
}

/** One interface in libxl's JSON: what was said, and what was chosen for it if anything was; what `xl -N network-attach` prints. */
export function nicJson(
  said: Omit<Vif, 'devid'>,
  chosen: Partial<Pick<VifDevice, 'devid' | 'mac' | 'type'>>,
): JsonObject {
  const { devid, mac = said.mac, type = said.type } = chosen;
  return compact({
    backend_domname: said.backendDomname,
    devid,
    mtu: said.mtu,
    model: said.model,
    mac,
    ip: said.ip,
    bridge: said.bridge,
    ifname: said.ifname,
    script: said.script,
    nictype: type === 'ioemu' ? 'vif_ioemu' : type,
    rate_bytes_per_interval: said.rate === null ? null : Number(said.rate.bytesPerInterval),
    rate_interval_usecs: said.rate?.intervalUsecs,
    gatewaydev: said.gatewaydev,
    coloft_forwarddev: said.forwarddev,
    trusted: defbool(said.trusted),
  });
}

/** Actions at the domain's end; `destroy` is libxl's initial value, so only others are written. */
function endings({ keys }: DomainConfig): JsonObject {
  const word = (action: string): string | null => (action === 'destroy' ? null : action.replaceAll('-', '_'));
  return compact({
    on_poweroff: word(keys.on_poweroff ?? 'destroy'),
    on_reboot: word(keys.on_reboot ?? 'restart'),
    on_watchdog: word(keys.on_watchdog ?? 'destroy'),
    on_crash: word(keys.on_crash ?? 'destroy'),
    on_soft_reset: word(keys.on_soft_reset ?? 'soft-reset'),
  });
}

/** libxl's three-valued boolean: unset is left out. */
const defbool = (value: boolean | null): string | null => (value === null ? null : value ? 'True' : 'False');
const list = <T>(items: readonly T[]): readonly T[] | null => (items.length === 0 ? null : items);

function compact(object: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined));
}
