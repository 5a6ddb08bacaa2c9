import type { Vfb } from '../config/vfb.ts';
import type { Vif } from '../config/vif.ts';
import type { VifDevice } from '../device/vif.ts';
import type { Disk } from '../disk/disk.ts';
import { defbool, sparse, unlessZero, type JsonObject } from './json.ts';

/** One disk in libxl's JSON (`libxl_device_disk`); what `xl -N block-attach` prints. */
export function diskJson(disk: Disk): JsonObject {
  return sparse({
    backend_domname: disk.backendDomname,
    pdev_path: disk.pdevPath,
    vdev: disk.vdev,
    backend: unlessUnknown(disk.backend),
    format: disk.format,
    script: disk.script,
    removable: unlessZero(disk.removable),
    readwrite: unlessZero(disk.readwrite),
    is_cdrom: unlessZero(disk.isCdrom),
    direct_io_safe: disk.directIoSafe ? true : null,
    discard_enable: defbool(disk.discardEnable),
    specification: unlessUnknown(disk.specification),
    transport: unlessUnknown(disk.transport),
    colo_enable: defbool(disk.coloEnable),
    colo_restore_enable: defbool(disk.coloRestoreEnable),
    colo_host: disk.coloHost,
    colo_port: unlessZero(disk.coloPort),
    colo_export: disk.coloExport,
    active_disk: disk.activeDisk,
    hidden_disk: disk.hiddenDisk,
    trusted: defbool(disk.trusted),
    grant_usage: defbool(disk.grantUsage),
  });
}

const unlessUnknown = (word: string): string | null => (word === 'unknown' ? null : word);

/** What is chosen for an interface when it is added. */
export type ChosenVif = Pick<VifDevice, 'devid' | 'mac' | 'type'>;

/**
 * One interface in libxl's JSON (`libxl_device_nic`): what was said, and what was chosen for it if anything was; what
 * `xl -N network-attach` prints.
 */
export function nicJson(said: Omit<Vif, 'devid'>, chosen: Partial<ChosenVif>): JsonObject {
  const { devid, mac = said.mac, type = said.type } = chosen;
  return sparse({
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

/** One framebuffer in libxl's JSON (`libxl_device_vfb`). */
export function vfbJson(vfb: Vfb, devid: number): JsonObject {
  return sparse({
    devid,
    vnc: vncJson(vfb),
    sdl: sdlJson(vfb),
    keymap: vfb.keymap,
  });
}

/** `libxl_vnc_info`, of a framebuffer and of an emulated screen. */
export const vncJson = (
  screen: Pick<Vfb, 'vnc' | 'vncListen' | 'vncPassword' | 'vncDisplay' | 'vncUnused'>,
): JsonObject =>
  sparse({
    enable: defbool(screen.vnc),
    listen: screen.vncListen,
    passwd: screen.vncPassword,
    display: unlessZero(screen.vncDisplay),
    findunused: defbool(screen.vncUnused),
  });

/** `libxl_sdl_info`, of a framebuffer and of an emulated screen. */
export const sdlJson = (screen: Pick<Vfb, 'sdl' | 'opengl' | 'display' | 'xauthority'>): JsonObject =>
  sparse({
    enable: defbool(screen.sdl),
    opengl: defbool(screen.opengl),
    display: screen.display,
    xauthority: screen.xauthority,
  });
