import type { DomainConfig } from '../config/domain.ts';
import type { Spice, Usb } from '../qemu/device-model.ts';

/** The USB controller of an HVM guest: a redirected device needs one of a version, EHCI unless it is said. */
export function usb({ keys }: DomainConfig): Usb {
  const devices = keys.usbdevice ?? [];
  if (keys.usb === true || devices.length > 0) return { kind: 'legacy', devices };
  const redirections = keys.spice === true ? (keys.spiceusbredirection ?? 0) : 0;
  if (keys.usbversion === null && redirections === 0) return { kind: 'none' };
  return { kind: 'controller', version: versionOf(keys.usbversion ?? 2), redirections };
}

/** The key's row lets through no other number. */
const versionOf = (version: number): 1 | 2 | 3 => (version === 1 || version === 3 ? version : 2);

/** SPICE with libxl's defaults (`libxl__domain_build_info_setdefault`). */
export function spice({ keys }: DomainConfig): Spice | null {
  if (keys.spice !== true) return null;
  return {
    port: keys.spiceport ?? 0,
    tlsPort: keys.spicetls_port ?? 0,
    host: keys.spicehost,
    password: keys.spicedisable_ticketing === true ? null : keys.spicepasswd,
    agentMouse: keys.spiceagent_mouse ?? true,
    agent: keys.spicevdagent ?? false,
    clipboardSharing: keys.spice_clipboard_sharing ?? false,
    imageCompression: keys.spice_image_compression,
    streamingVideo: keys.spice_streaming_video,
  };
}
