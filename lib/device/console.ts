import type { Text } from '../base/text.ts';
import { devicePaths, XenbusState, type DeviceNodes, type DevicePaths } from './nodes.ts';

/** The primary PV console, which every domain has: served by xenconsoled, on the embedded host by its daemon. */
export interface PrimaryConsole {
  readonly domid: Text;
  readonly backendDomid: Text;
  readonly port: Text;
  readonly gfn: Text;
}

/** xenconsoled keeps at most this many bytes for a guest that nobody listens to (LIBXL_XENCONSOLE_LIMIT). */
const BUFFER_LIMIT = '1048576';

export function consolePaths(console: Pick<PrimaryConsole, 'domid' | 'backendDomid'>): DevicePaths {
  return devicePaths({ ...console, kind: 'console', backendKind: 'console', devid: 0 });
}

/** The primary console's nodes (`libxl_console.c:libxl__device_console_add`). `tty` is for xenconsoled to fill. */
export function consoleNodes(console: PrimaryConsole): DeviceNodes {
  return {
    paths: consolePaths(console),
    domid: console.domid,
    backendDomid: console.backendDomid,
    frontendOwner: 'backend',
    front: [['backend-id', console.backendDomid]],
    readOnlyFront: [
      ['limit', BUFFER_LIMIT],
      ['type', 'xenconsoled'],
      ['output', 'pty'],
      ['tty', ''],
      ['port', console.port],
      ['ring-ref', console.gfn],
    ],
    back: [
      ['frontend-id', console.domid],
      ['online', '1'],
      ['state', XenbusState.Initialising],
      ['protocol', 'vt100'],
    ],
  };
}
