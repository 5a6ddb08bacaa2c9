import { t, type Text } from '../base/text.ts';
import { devicePaths, flag, optional, XenbusState, type DeviceNodes, type DevicePaths, type Key } from './nodes.ts';

/** A network interface with every choice made. */
export interface VifDevice {
  readonly domid: Text;
  readonly backendDomid: Text;
  readonly devid: number;
  /** `ioemu` when QEMU emulates a card in front of the PV interface. */
  readonly type: 'vif' | 'ioemu';
  readonly mac: string;
  readonly bridge: string | null;
  readonly script: string;
  readonly vifname: string | null;
  readonly ip: string | null;
  readonly gatewaydev: string | null;
  readonly rate: { readonly bytesPerInterval: bigint; readonly intervalUsecs: number } | null;
  readonly mtu: number;
  readonly trusted: boolean;
}

/** libxl writes the backend's `mtu` only where it is not this. */
const DEFAULT_MTU = 1500;

export function vifPaths(vif: Pick<VifDevice, 'domid' | 'backendDomid' | 'devid'>): DevicePaths {
  const { domid, backendDomid, devid } = vif;
  return devicePaths({ kind: 'vif', backendKind: 'vif', domid, backendDomid, devid });
}

/** An interface's nodes, keys in libxl's order (`libxl_nic.c:libxl__set_xenstore_nic`). */
export function vifNodes(vif: VifDevice): DeviceNodes {
  const back: Key[] = [
    ['frontend-id', vif.domid],
    ['online', '1'],
    ['state', XenbusState.Initialising],
    ['script', vif.script],
    ...optional('vifname', vif.vifname),
    ['mac', vif.mac],
    ...optional('ip', vif.ip),
    ...optional('gatewaydev', vif.gatewaydev),
    ...optional('rate', vif.rate && `${String(vif.rate.bytesPerInterval)},${vif.rate.intervalUsecs}`),
    ...optional('mtu', vif.mtu === DEFAULT_MTU ? null : String(vif.mtu)),
    ...optional('bridge', vif.bridge),
    ['handle', String(vif.devid)],
    ['type', vif.type === 'ioemu' ? 'vif_ioemu' : 'vif'],
    // Empty, so that netback waits in InitWait until the script has written `connected`.
    ['hotplug-status', ''],
  ];
  const front: Key[] = [
    ['backend-id', vif.backendDomid],
    ['state', XenbusState.Initialising],
    ['handle', String(vif.devid)],
    ['mac', vif.mac],
    ['trusted', flag(vif.trusted)],
  ];
  return {
    paths: vifPaths(vif),
    domid: vif.domid,
    backendDomid: vif.backendDomid,
    frontendOwner: 'guest',
    front,
    readOnlyFront: [['mtu', String(vif.mtu)]],
    back,
  };
}

/** Environment of the vif script (`libxl_linux.c:libxl__get_hotplug_script_info`); `netdev` is gatewaydev or empty. */
export function vifScriptEnv(vif: VifDevice): Record<string, Text> {
  return {
    script: vif.script,
    XENBUS_TYPE: 'vif',
    XENBUS_PATH: t`backend/vif/${vif.domid}/${vif.devid}`,
    XENBUS_BASE_PATH: 'backend',
    netdev: vif.gatewaydev ?? '',
    ...(vif.type === 'ioemu'
      ? { INTERFACE: vif.vifname === null ? t`vif${vif.domid}.${vif.devid}-emu` : `${vif.vifname}-emu` }
      : {}),
    vif: vif.vifname ?? t`vif${vif.domid}.${vif.devid}`,
  };
}
