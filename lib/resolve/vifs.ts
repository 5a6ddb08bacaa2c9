import type { Diagnostic } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { hole, type Text } from '../base/text.ts';
import type { ConfiguredVif, DomainConfig } from '../config/domain.ts';
import type { VifDevice } from '../device/vif.ts';
import { backendDomain } from './backend-domain.ts';
import type { Found } from './found.ts';
import type { Choices } from './resolved.ts';

/** Xen's own range of MAC addresses (libxl_nic.c). */
const XEN_OUI = '00:16:3e';
const DEFAULT_MTU = 1500;

/** What an interface is resolved for: a domain that is being made, or one that runs. */
export interface VifOwner {
  readonly domid: Text;
  readonly type: 'pv' | 'pvh' | 'hvm';
  readonly hotplug: boolean;
}

/** The interfaces of a configuration, and the clashes between them. */
export function resolveVifs(config: DomainConfig, facts: HostFacts, choices: Choices): Found<VifDevice[]> {
  const owner: VifOwner = { domid: hole('domid'), type: config.type, hotplug: false };
  const found = config.vifs.map((configured, index) => resolveVif(configured, owner, facts, choices.mac(index)));
  return {
    value: found.map(({ value }) => value),
    diagnostics: [...found.flatMap(({ diagnostics }) => diagnostics), ...sameDevids(config.vifs)],
  };
}

/**
 * One interface with libxl's defaults (`libxl__device_nic_setdefault`). An HVM guest that runs has no slot for another
 * emulated card, so there it is a PV interface. `randomBytes` end its MAC where none is said.
 */
export function resolveVif(
  configured: ConfiguredVif,
  { domid, type, hotplug }: VifOwner,
  facts: HostFacts,
  randomBytes: readonly [number, number, number],
): Found<VifDevice> {
  const { vif, where } = configured;
  const backend = backendDomain(vif.backendDomname, facts, where);
  const emulated = vif.type === 'ioemu' && type !== 'hvm' ? [emulatedInPv(configured)] : [];
  return {
    value: {
      domid,
      backendDomid: String(backend.value),
      devid: vif.devid,
      type: vif.type ?? (type === 'hvm' && !hotplug ? 'ioemu' : 'vif'),
      mac: vif.mac ?? xenMac(randomBytes),
      bridge: vif.bridge ?? 'xenbr0',
      script: absoluteScript(vif.script ?? 'vif-bridge', facts),
      vifname: vif.ifname,
      ip: vif.ip,
      gatewaydev: vif.gatewaydev,
      rate: vif.rate,
      mtu: vif.mtu ?? DEFAULT_MTU,
      trusted: vif.trusted ?? true,
    },
    diagnostics: [...backend.diagnostics, ...emulated],
  };
}

/** A script without a directory is one of Xen's. */
export const absoluteScript = (script: string, { dirs }: Pick<HostFacts, 'dirs'>): string =>
  script.startsWith('/') ? script : `${dirs.scripts}/${script}`;

function xenMac([first, second, third]: readonly [number, number, number]): string {
  const bytes = [first & 0x7f, second & 0xff, third & 0xff];
  return [XEN_OUI, ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

function emulatedInPv({ where }: ConfiguredVif): Diagnostic {
  return {
    severity: 'error',
    code: 'vif-emulated-in-pv',
    message: 'trying to create PV or PVH guest with an emulated interface',
    where,
    hint: 'leave out type=ioemu: only HVM guests have emulated cards',
  };
}

/** libxl lets a later interface overwrite an earlier one with the same devid. */
function sameDevids(vifs: readonly ConfiguredVif[]): Diagnostic[] {
  return vifs
    .filter(({ vif }, index) => vifs.findIndex((other) => other.vif.devid === vif.devid) < index)
    .map(({ vif, where }) => ({
      severity: 'error',
      code: 'vif-devid-taken',
      message: `two interfaces have the devid ${vif.devid}`,
      where,
      hint: 'give each interface a devid of its own, or none at all',
    }));
}
