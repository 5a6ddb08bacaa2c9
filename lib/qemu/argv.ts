import { errorFrom, unreachable, type Diagnostic } from '../base/error.ts';
import { fill, holesOf, show, t, type Bindings, type Text } from '../base/text.ts';
import type { KiB } from '../base/units.ts';
import type {
  DeviceModel,
  DirectBoot,
  EmbeddedTarget,
  HvmDeviceModel,
  XenpvDeviceModel,
  XenTarget,
} from './device-model.ts';
import { displayArgs, isWindowless, sdlEnvironment, videoCardArgs } from './display.ts';
import { driveArgs, needsScsi } from './drive.ts';
import { machineProblems } from './limits.ts';
import { optionString, type OptionPair } from './option-string.ts';
import * as peripherals from './peripherals.ts';
import { spiceArgs } from './spice.ts';
import { qemuDialect, type QemuDialect } from './version.ts';

/** A QEMU process as it is started. */
export interface DeviceModelCommand {
  /** The binary first, then every option and its argument apart. */
  readonly argv: readonly Text[];
  /** What is added to our own environment. */
  readonly env: Readonly<Record<string, Text>>;
  /** What QEMU will not emulate, and other things to know. */
  readonly warnings: readonly Diagnostic[];
}

/**
 * The command line of a device model, option for option in the order of `libxl__build_device_model_args_new`; on the
 * embedded host the same machine with QEMU in Xen's place. Other than libxl's, a comma in a path or name is doubled.
 * Throws the XlError of the first thing that QEMU would refuse, with all others in its diagnostics.
 */
export function deviceModelArgv(model: DeviceModel): DeviceModelCommand {
  const problems = machineProblems(model);
  if (problems.some((problem) => problem.severity === 'error')) throw errorFrom(problems);
  const dialect = qemuDialect(model.qemuVersion);
  switch (model.kind) {
    case 'hvm':
      return { argv: hvmArgv(model, dialect), env: environment(model), warnings: problems };
    case 'xenpv':
      return { argv: xenpvArgv(model, dialect), env: environment(model), warnings: problems };
    default:
      return unreachable(model);
  }
}

/** The command line as plain words: holes filled from `bindings`, the others shown as `${name}`. */
export function qemuArgv(model: DeviceModel, bindings: Bindings = {}): string[] {
  return deviceModelArgv(model).argv.map((word) =>
    holesOf(word).every((name) => name in bindings) ? fill(word, bindings) : show(word, bindings),
  );
}

function hvmArgv(model: HvmDeviceModel, dialect: QemuDialect): Text[] {
  const { target } = model;
  return [
    model.binary,
    ...hostArgs(target, model.domid),
    ...model.channels.flatMap(peripherals.channelArgs),
    ...['-nodefaults', '-no-user-config'],
    ...peripherals.nameArgs(model.name),
    ...displayArgs(model.display),
    ...keymapArgs(model.keymap),
    ...directBootArgs(model.directBoot),
    ...(needsScsi(model.disks) ? ['-device', 'lsi53c895a'] : []),
    ...model.serial.flatMap(peripherals.serialArgs),
    ...(model.display.nographic && isWindowless(model.display) ? ['-nographic'] : []),
    ...spiceArgs(model.spice),
    ...videoCardArgs(model),
    ...['-boot', optionString(null, [['order', model.boot]])],
    ...peripherals.usbArgs(model.usb),
    ...peripherals.soundArgs(model.soundhw),
    ...(model.acpi || dialect.noAcpi === 'machine-property' ? [] : ['-no-acpi']),
    ...vcpuArgs(model.vcpus),
    ...peripherals.nicArgs(model.nics, model.domid),
    ...restrictArgs(target, dialect),
    ...model.extraArgs,
    ...['-machine', machineArgument(model, dialect)],
    ...cpuArgs(target),
    ...model.extraKindArgs,
    ...memoryArgs(model.maxMemory - model.videoMemory),
    ...(model.hdtype === 'ahci' ? ['-device', 'ahci,id=ahci0'] : []),
    ...model.disks.flatMap((disk) => driveArgs(disk, model.hdtype)),
    ...vendorDeviceArgs(model),
    ...runAsArgs(target, dialect),
  ];
}

function xenpvArgv(model: XenpvDeviceModel, dialect: QemuDialect): Text[] {
  return [
    model.binary,
    ...hostArgs(model.target, model.domid),
    ...model.channels.flatMap(peripherals.channelArgs),
    ...['-nodefaults', '-no-user-config'],
    '-xen-attach',
    ...peripherals.nameArgs(model.name),
    ...displayArgs(model.display),
    ...keymapArgs(model.keymap),
    ...(isWindowless(model.display) ? ['-nographic'] : []),
    ...restrictArgs(model.target, dialect),
    ...model.extraArgs,
    ...['-machine', 'xenpv'],
    ...model.extraKindArgs,
    ...memoryArgs(model.maxMemory),
  ];
}

/** What ties the process to its host: the domain that it serves and the monitors that steer it. */
function hostArgs(target: XenTarget | EmbeddedTarget, domid: Text): Text[] {
  switch (target.kind) {
    case 'xen':
      return [
        ...['-xen-domid', domid, '-no-shutdown'],
        ...(target.restrict === null
          ? peripherals.socketChardev('libxl-cmd', t`${target.runDir}/qmp-libxl-${domid}`)
          : [...peripherals.socketChardevOfFd('libxl-cmd', target.restrict.qmpFd), '-S']),
        ...peripherals.controlMonitor('libxl-cmd'),
        ...peripherals.socketChardev('libxenstat-cmd', t`${target.runDir}/qmp-libxenstat-${domid}`),
        ...peripherals.controlMonitor('libxenstat-cmd'),
      ];
    case 'embedded':
      return [
        ...(target.onReboot === 'exit' ? ['-no-reboot'] : []),
        ...peripherals.socketChardev('libxl-cmd', target.qmpSocket),
        '-S',
        ...peripherals.controlMonitor('libxl-cmd'),
        ...peripherals.pvConsoleArgs(target.pvConsole),
      ];
    default:
      return unreachable(target);
  }
}

const keymapArgs = (keymap: string | null): Text[] => (keymap === null ? [] : ['-k', keymap]);

function directBootArgs(boot: DirectBoot | null): Text[] {
  if (boot === null) return [];
  return [
    ...['-kernel', boot.kernel],
    ...(boot.ramdisk === null ? [] : ['-initrd', boot.ramdisk]),
    ...(boot.cmdline === null ? [] : ['-append', boot.cmdline]),
  ];
}

const vcpuArgs = ({ online, max }: HvmDeviceModel['vcpus']): Text[] =>
  max > 1 ? ['-smp', `${online},maxcpus=${max}`] : [];

const memoryArgs = (kilobytes: KiB | number): Text[] => ['-m', String(Math.floor(kilobytes / 1024))];

function restrictArgs(target: XenTarget | EmbeddedTarget, dialect: QemuDialect): Text[] {
  if (target.kind === 'embedded' || target.restrict === null) return [];
  const { chroot } = target.restrict;
  const change =
    dialect.chroot === 'option' ? ['-chroot', chroot] : ['-run-with', optionString(null, [['chroot', chroot]])];
  return ['-xen-domid-restrict', ...change];
}

/** The `xenfv` machine has Xen's platform device in it; without that it is a plain PC on Xen. */
function machineArgument(model: HvmDeviceModel, dialect: QemuDialect): Text {
  const acpi: OptionPair = ['acpi', model.acpi || dialect.noAcpi === 'option' ? null : 'off'];
  const memoryHole: OptionPair = ['max-ram-below-4g', model.maxRamBelow4g];
  if (model.target.kind === 'embedded') return optionString('pc', [['accel', model.target.accel], memoryHole, acpi]);
  return optionString(model.xenPlatformPci ? 'xenfv' : 'pc', [
    ['accel', model.xenPlatformPci ? null : 'xen'],
    ['suppress-vmdesc', 'on'],
    memoryHole,
    ['igd-passthru', model.igdPassthrough ? 'on' : null],
    acpi,
  ]);
}

/** The processor that QEMU emulates; under Xen that is Xen's business. */
const cpuArgs = (target: XenTarget | EmbeddedTarget): Text[] =>
  target.kind === 'xen' || target.cpu === null ? [] : ['-cpu', target.cpu];

const vendorDeviceArgs = ({ target, vendorDevice }: HvmDeviceModel): Text[] =>
  target.kind === 'xen' && vendorDevice === 'xenserver' ? ['-device', 'xen-pvdevice,device-id=0xc000'] : [];

function runAsArgs(target: XenTarget | EmbeddedTarget, dialect: QemuDialect): Text[] {
  if (target.kind === 'embedded' || target.runAs === null) return [];
  return dialect.runAs === 'option'
    ? ['-runas', target.runAs]
    : ['-run-with', optionString(null, [['user', target.runAs]])];
}

/** On Xen QEMU caps the guest's console output at 1 MiB, so that a guest cannot fill the host's log (XSA-180). */
function environment(model: DeviceModel): Record<string, Text> {
  if (model.target.kind === 'embedded') return sdlEnvironment(model.display.sdl);
  return {
    ...(model.kind === 'hvm' ? { XEN_DOMAIN_ID: model.domid } : {}),
    ...sdlEnvironment(model.display.sdl),
    XEN_QEMU_CONSOLE_LIMIT: '1048576',
  };
}
