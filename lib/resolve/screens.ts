import { hole } from '../base/text.ts';
import type { DomainConfig } from '../config/domain.ts';
import { framebuffers } from '../config/screens.ts';
import type { Vfb } from '../device/framebuffer.ts';

/** Only QEMU on this host sees the screen unless the user says otherwise. */
export const VNC_LISTEN = '127.0.0.1';

/** Framebuffers of a PV or PVH guest, with libxl's defaults (`libxl__device_vfb_setdefault`). `vnc=1` without vfb= makes one. */
export function resolveVfbs(config: DomainConfig): Vfb[] {
  if (config.type === 'hvm') return [];
  return framebuffers(config).map((vfb, devid) => ({
    domid: hole('domid'),
    devid,
    vnc: vfb.vnc ?? true,
    vncListen: vfb.vncListen ?? VNC_LISTEN,
    vncPassword: vfb.vncPassword,
    vncDisplay: vfb.vncDisplay ?? 0,
    vncUnused: vfb.vncUnused ?? vfb.vnc ?? true,
    sdl: vfb.sdl ?? false,
    opengl: vfb.opengl ?? false,
    xauthority: vfb.xauthority,
    display: vfb.display,
  }));
}

/** xl makes a keyboard for each framebuffer, libxl one for every HVM guest. */
export const resolveKeyboards = (config: DomainConfig, vfbs: readonly Vfb[]): number =>
  config.type === 'hvm' ? 1 : vfbs.length;
