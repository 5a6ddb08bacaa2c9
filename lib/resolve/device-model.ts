import { XlError, type Diagnostic, type Where } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { hole, t, type Text } from '../base/text.ts';
import { kib } from '../base/units.ts';
import type { DomainConfig } from '../config/domain.ts';
import { consoleSocket, qmpSocket } from '../device/files.ts';
import type { Vfb } from '../device/framebuffer.ts';
import type { VifDevice } from '../device/vif.ts';
import { vbdPaths, type Vbd } from '../device/vbd.ts';
import { dscowServerName, isDscowScript } from '../disk/dscow.ts';
import { deviceModelArgv } from '../qemu/argv.ts';
import type {
  DeviceModel,
  Display,
  EmbeddedTarget,
  EmulatedNic,
  HvmDeviceModel,
  MachineDisk,
  Serial,
  Vnc,
  XenTarget,
} from '../qemu/device-model.ts';
import { driveMedium } from '../qemu/drive-source.ts';
import { tryDescribeVdev } from '../disk/vdev.ts';
import type { Boot } from './boot.ts';
import { place, type Found } from './found.ts';
import type { Resolved, ResolvedDeviceModel, ResolvedDisk } from './resolved.ts';
import { VNC_LISTEN } from './screens.ts';
import { resolveVcpus, videoCard } from './size.ts';
import { spice, usb } from './peripherals.ts';

const D = hole('domid');

interface Devices {
  readonly disks: readonly ResolvedDisk[];
  readonly vifs: readonly VifDevice[];
  readonly vfbs: readonly Vfb[];
  readonly memory: Resolved['memory'];
  readonly boot: Boot;
}

/** The QEMU that a domain needs, with its command line; null where it needs none. */
export function resolveDeviceModel(
  config: DomainConfig,
  facts: HostFacts,
  devices: Devices,
): Found<ResolvedDeviceModel | null> {
  const why = reasonForQemu(config, facts, devices);
  if (why === null) return { value: null, diagnostics: [] };
  const options = deviceModel(config, facts, devices);
  try {
    const { argv, env, warnings } = deviceModelArgv(options);
    return {
      value: { options, argv, env, why },
      diagnostics: [...warnings, ...missingQemu(ownQemu(config), facts, why)],
    };
  } catch (error) {
    // The first thing that QEMU would refuse, with all others beside it.
    if (error instanceof XlError) return { value: null, diagnostics: error.diagnostics };
    throw error;
  }
}

/** libxl__need_xenpv_qemu, in words. */
function reasonForQemu({ type }: DomainConfig, { host }: HostFacts, { disks, vfbs }: Devices): string | null {
  if (host === 'embedded') return 'there is no Xen here: QEMU is the machine';
  if (type === 'hvm') return 'an HVM guest has emulated devices';
  if (vfbs.length > 0) return 'QEMU serves the framebuffer';
  const served = disks
    .filter(({ vbd }) => vbd.backend === 'qdisk' && vbd.backendDomid === '0')
    .map(({ vbd }) => vbd.vdev);
  return served.length === 0 ? null : `QEMU serves ${served.join(', ')}`;
}

const ownQemu = (config: DomainConfig) => ({
  own: config.keys.device_model_override,
  ...place(config, 'device_model_override'),
});

/** A QEMU that is not there is found before anything is made, the user's own (`device_model_override=`, said at `where`) too. */
export function missingQemu(
  { own, ...said }: { readonly own: string | null; readonly where?: Where },
  { qemu, host, paths }: HostFacts,
  why: string,
): Diagnostic[] {
  const there = own === null ? qemu.version !== null : paths[own]?.kind !== 'missing';
  if (there) return [];
  const packageName = host === 'embedded' ? 'qemu-system-x86' : 'qemu-system-xen';
  return [
    {
      severity: 'error',
      code: 'qemu-missing',
      message: `no QEMU answers at ${own ?? qemu.path}, and the domain needs one: ${why}`,
      ...said,
      hint:
        own === null
          ? `install it: apt-get install ${packageName}`
          : 'correct device_model_override=, or leave it out for the QEMU that this host has',
    },
  ];
}

function deviceModel(config: DomainConfig, facts: HostFacts, devices: Devices): DeviceModel {
  const { keys, type, name } = config;
  const common = {
    binary: keys.device_model_override ?? facts.qemu.path,
    qemuVersion: facts.qemu.version,
    domid: D,
    name,
    maxMemory: kib(devices.memory.maxKiB),
    channels: [],
    display: type === 'hvm' ? hvmDisplay(config) : pvDisplay(devices.vfbs),
    keymap: type === 'hvm' ? keys.keymap : (config.vfbs[0]?.vfb.keymap ?? keys.keymap),
    extraArgs: keys.device_model_args ?? [],
    extraKindArgs: (type === 'hvm' ? keys.device_model_args_hvm : keys.device_model_args_pv) ?? [],
  };
  if (type !== 'hvm' && facts.host === 'xen') return { ...common, kind: 'xenpv', target: xenTarget(facts) };
  return {
    ...common,
    ...(type === 'hvm' ? hvmMachine(config, facts, devices) : kernelMachine(facts, devices)),
    kind: 'hvm',
    target: facts.host === 'xen' ? xenTarget(facts) : embeddedTarget(config, facts),
    vcpus: resolveVcpus(config),
    nics: devices.vifs.flatMap((vif) => emulatedNic(vif, config, facts)),
  };
}

type MachineOptions = Omit<HvmDeviceModel, keyof Common | 'kind' | 'target' | 'vcpus' | 'nics'>;
type Common = Pick<
  HvmDeviceModel,
  | 'binary'
  | 'qemuVersion'
  | 'domid'
  | 'name'
  | 'maxMemory'
  | 'channels'
  | 'display'
  | 'keymap'
  | 'extraArgs'
  | 'extraKindArgs'
>;

/** The emulated PC of an HVM guest, with libxl's defaults. */
function hvmMachine(config: DomainConfig, facts: HostFacts, { disks, memory, boot }: Devices): MachineOptions {
  const { keys } = config;
  return {
    videoMemory: kib(memory.videoKiB),
    directBoot: boot.kernel === null ? null : { kernel: boot.kernel, ramdisk: boot.ramdisk, cmdline: boot.cmdline },
    boot: keys.boot ?? 'cda',
    vga: videoCard(config),
    spice: spice(config),
    serial: serialPorts(config, facts),
    usb: usb(config),
    soundhw: keys.soundhw,
    acpi: keys.acpi ?? true,
    hdtype: keys.hdtype ?? 'ide',
    disks: disks.map((disk) => machineDisk(disk, facts)),
    xenPlatformPci: keys.xen_platform_pci ?? true,
    maxRamBelow4g: null,
    igdPassthrough: false,
    vendorDevice: keys.vendor_device ?? 'none',
  };
}

/** On the embedded host a PV or PVH guest is a PC without emulated disks that boots its kernel. */
function kernelMachine(facts: HostFacts, { boot }: Devices): MachineOptions {
  return {
    videoMemory: kib(0),
    directBoot: boot.kernel === null ? null : { kernel: boot.kernel, ramdisk: boot.ramdisk, cmdline: boot.cmdline },
    boot: 'c',
    vga: 'none',
    spice: null,
    serial: [],
    usb: { kind: 'none' },
    soundhw: null,
    acpi: true,
    hdtype: 'ide',
    disks: [],
    xenPlatformPci: false,
    maxRamBelow4g: null,
    igdPassthrough: false,
    vendorDevice: 'none',
  };
}

/** Xen's device model, with all that it may do. */
export const xenTarget = ({ dirs }: HostFacts): XenTarget => ({
  kind: 'xen',
  runDir: dirs.run,
  restrict: null,
  runAs: null,
});

function embeddedTarget({ type, keys }: DomainConfig, { dirs, qemu }: HostFacts): EmbeddedTarget {
  return {
    kind: 'embedded',
    accel: qemu.accel === 'kvm' ? 'kvm' : 'tcg',
    cpu: qemu.accel === 'kvm' ? 'host' : 'max',
    qmpSocket: qmpSocket(dirs, D),
    pvConsole: type === 'hvm' ? null : consoleSocket(dirs, D),
    onReboot: (keys.on_reboot ?? 'restart') === 'restart' ? 'reset' : 'exit',
  };
}

/** On the embedded host the daemon reads the first terminal, so that nothing of it is lost before somebody looks. */
function serialPorts({ keys }: DomainConfig, { host, dirs }: HostFacts): Serial[] {
  const ports = keys.serial ?? [];
  const first = ports.indexOf('pty');
  return ports.map((device, index) =>
    host === 'embedded' && index === first
      ? { kind: 'socket', path: consoleSocket(dirs, D) }
      : { kind: 'qemu', device },
  );
}

function hvmDisplay({ keys }: DomainConfig): Display {
  const vnc: Vnc | null =
    keys.vnc === false
      ? null
      : {
          listen: keys.vnclisten ?? VNC_LISTEN,
          display: keys.vncdisplay ?? 0,
          password: (keys.vncpasswd ?? '') !== '',
          findUnused: keys.vncunused ?? true,
        };
  return {
    vnc,
    sdl: keys.sdl === true ? { display: keys.display, xauthority: keys.xauthority } : null,
    nographic: keys.nographic ?? false,
  };
}

/** Only the first framebuffer of a PV guest is shown (libxl_dm.c:dm_vnc). */
function pvDisplay(vfbs: readonly Vfb[]): Display {
  const [vfb] = vfbs;
  if (vfb === undefined) return { vnc: null, sdl: null, nographic: false };
  return {
    vnc: vfb.vnc
      ? {
          listen: vfb.vncListen,
          display: vfb.vncDisplay,
          password: (vfb.vncPassword ?? '') !== '',
          findUnused: vfb.vncUnused,
        }
      : null,
    sdl: vfb.sdl ? { display: vfb.display, xauthority: vfb.xauthority } : null,
    nographic: false,
  };
}

/** What QEMU opens for a disk with a script: the device that the script made; on the embedded host the overlay's server. */
function scriptsDevice(vbd: Vbd, { host, dirs }: HostFacts): Text {
  if (host === 'xen' || !isDscowScript(vbd.script)) return t`${vbdPaths(vbd).backend}/physical-device-path`;
  const prefix = dscowServerName('', vbd.vdev).slice('dom'.length);
  const name = t`dom${vbd.domid}${prefix}`;
  return t`nbd+unix:///${name}?socket=${dirs.state}/dscow/${name}.sock`;
}

function machineDisk({ vbd, decision, where }: ResolvedDisk, facts: HostFacts): MachineDisk {
  const vdev = tryDescribeVdev(vbd.vdev);
  return {
    vdev: vbd.vdev,
    slot:
      vdev === null || vdev.family === 'number' || vdev.disk === null
        ? null
        : { family: vdev.family, devid: vdev.devid, disk: vdev.disk },
    cdrom: vbd.cdrom,
    readwrite: vbd.writable,
    medium: driveMedium({
      backend: vbd.backend,
      backendDomname: decision.backendDomid === 0 ? null : String(decision.backendDomid),
      format: vbd.format,
      script: vbd.backend === 'phy' && decision.script === 'block' ? null : vbd.script,
      pdevPath: decision.pdevPath,
      devicePath: scriptsDevice(vbd, facts),
    }),
    where,
  };
}

/** The card that QEMU emulates. The embedded host has no bridges: there every interface is a card on QEMU's own network. */
function emulatedNic(vif: VifDevice, { vifs }: DomainConfig, { host }: HostFacts): EmulatedNic[] {
  const model = vifs.find((configured) => configured.vif.devid === vif.devid)?.vif.model ?? null;
  const card = { devid: vif.devid, mac: vif.mac };
  if (host === 'embedded') {
    return [
      { ...card, model: vif.type === 'ioemu' ? (model ?? 'rtl8139') : 'virtio-net-pci', backend: { kind: 'user' } },
    ];
  }
  if (vif.type !== 'ioemu') return [];
  return [{ ...card, model: model ?? 'rtl8139', backend: { kind: 'tap', bridge: vif.bridge ?? '' } }];
}
