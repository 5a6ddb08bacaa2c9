import type { Text } from '../base/text.ts';
import { devicePaths, flag, optional, XenbusState, type DeviceNodes, type Key } from './nodes.ts';

/** A PV framebuffer, shown by QEMU. */
export interface Vfb {
  readonly domid: Text;
  readonly devid: number;
  readonly vnc: boolean;
  readonly vncListen: string;
  readonly vncPassword: string | null;
  readonly vncDisplay: number;
  readonly vncUnused: boolean;
  readonly sdl: boolean;
  readonly opengl: boolean;
  readonly xauthority: string | null;
  readonly display: string | null;
}

/** What every framebuffer and keyboard begins with (`libxl__device_add`). */
const started = (domid: Text): Key[] => [
  ['frontend-id', domid],
  ['online', '1'],
  ['state', XenbusState.Initialising],
];
const frontStarted: readonly Key[] = [
  ['backend-id', '0'],
  ['state', XenbusState.Initialising],
];

/** A framebuffer's nodes (`libxl_vfb.c`). The guest can read `vncpasswd`: libxl's design, not ours. */
export function vfbNodes(vfb: Vfb): DeviceNodes {
  return {
    paths: devicePaths({ kind: 'vfb', backendKind: 'vfb', domid: vfb.domid, backendDomid: '0', devid: vfb.devid }),
    domid: vfb.domid,
    backendDomid: '0',
    frontendOwner: 'guest',
    front: frontStarted,
    readOnlyFront: [],
    back: [
      ...started(vfb.domid),
      ['vnc', flag(vfb.vnc)],
      ['vnclisten', vfb.vncListen],
      ...optional('vncpasswd', vfb.vncPassword),
      ['vncdisplay', String(vfb.vncDisplay)],
      ['vncunused', flag(vfb.vncUnused)],
      ['sdl', flag(vfb.sdl)],
      ['opengl', flag(vfb.opengl)],
      ...optional('xauthority', vfb.xauthority),
      ...optional('display', vfb.display),
    ],
  };
}

/** A PV keyboard and pointer without options: one for each framebuffer, and one for an HVM guest (`libxl_vkb.c`). */
export function vkbNodes(vkb: { readonly domid: Text; readonly devid: number }): DeviceNodes {
  return {
    paths: devicePaths({ kind: 'vkbd', backendKind: 'vkbd', domid: vkb.domid, backendDomid: '0', devid: vkb.devid }),
    domid: vkb.domid,
    backendDomid: '0',
    frontendOwner: 'guest',
    front: frontStarted,
    readOnlyFront: [],
    back: started(vkb.domid),
  };
}
