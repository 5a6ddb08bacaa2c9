import { unreachable } from '../base/error.ts';
import { t, type Text } from '../base/text.ts';
import type { Channel, EmulatedNic, Serial, Usb } from './device-model.ts';
import { escapeCommas, optionString } from './option-string.ts';

/** A character device on a socket where QEMU listens and waits for nobody. */
export function socketChardev(id: string, path: Text): Text[] {
  return ['-chardev', socketArgument(id, ['path', path])];
}

/** The same on a socket that is open already. */
export function socketChardevOfFd(id: string, fd: number): Text[] {
  return ['-chardev', socketArgument(id, ['fd', fd])];
}

function socketArgument(id: string, place: readonly ['path', Text] | readonly ['fd', number]): Text {
  return optionString('socket', [['id', id], place, ['server', 'on'], ['wait', 'off']]);
}

/** A monitor that speaks QMP on a character device. */
export const controlMonitor = (chardev: string): Text[] => ['-mon', `chardev=${chardev},mode=control`];

/** The host's ends of the guest's channels; QEMU's console backend finds them by these ids. */
export function channelArgs(channel: Channel): Text[] {
  const id = `libxl-channel${channel.devid}`;
  return channel.connection === 'pty' ? ['-chardev', `pty,id=${id}`] : socketChardev(id, channel.path);
}

/** One serial port. The words of `-serial` are QEMU's own little language, so commas in them stay as they are. */
export function serialArgs(serial: Serial, index: number): Text[] {
  if (serial.kind === 'qemu') return ['-serial', serial.device];
  const id = `serial-socket${index}`;
  return [...socketChardev(id, serial.path), '-serial', `chardev:${id}`];
}

/** `hvc0` of a machine without Xen: a virtio console on a socket. */
export function pvConsoleArgs(socket: Text | null): Text[] {
  if (socket === null) return [];
  return [
    ...socketChardev('pv-console', socket),
    ...['-device', 'virtio-serial-pci', '-device', 'virtconsole,chardev=pv-console'],
  ];
}

/** The USB controller and what is plugged into it. Version 2 is an EHCI with three companions, as on an ICH9. */
export function usbArgs(usb: Usb): Text[] {
  switch (usb.kind) {
    case 'none':
      return [];
    case 'legacy':
      return ['-usb', ...usb.devices.flatMap((device) => ['-usbdevice', device])];
    case 'controller':
      return [
        ...usbControllers[usb.version].flatMap((controller) => ['-device', controller]),
        ...Array.from({ length: usb.redirections }, (_, index) => redirectionArgs(`usbrc${index + 1}`)).flat(),
      ];
    default:
      return unreachable(usb);
  }
}

/** A socket of the controller that a SPICE client may plug a device of its own into. */
const redirectionArgs = (id: string): Text[] => [
  ...['-chardev', `spicevmc,name=usbredir,id=${id}`],
  ...['-device', `usb-redir,chardev=${id},id=${id}`],
];

const usbControllers = {
  1: ['piix3-usb-uhci,id=usb'],
  2: [
    'ich9-usb-ehci1,id=usb,addr=0x1d.0x7,multifunction=on',
    'ich9-usb-uhci1,masterbus=usb.0,firstport=0,addr=0x1d.0,multifunction=on',
    'ich9-usb-uhci2,masterbus=usb.0,firstport=2,addr=0x1d.0x1,multifunction=on',
    'ich9-usb-uhci3,masterbus=usb.0,firstport=4,addr=0x1d.0x2,multifunction=on',
  ],
  3: ['nec-usb-xhci,id=usb'],
} as const;

/** The devices behind each name of `soundhw=` that libxl knows. */
const soundCards: ReadonlyMap<string, readonly string[]> = new Map([
  ['ac97', ['ac97']],
  ['adlib', ['adlib']],
  ['cs4231a', ['cs4231a']],
  ['es1370', ['es1370']],
  ['gus', ['gus']],
  ['hda', ['intel-hda', 'hda-duplex']],
  ['sb16', ['sb16']],
]);

/** The names that `soundhw=` takes. */
export const soundhwNames: readonly string[] = [...soundCards.keys()];

/** The sound card of that name; none for null or a name that `limits.ts` refuses. */
export function soundArgs(soundhw: string | null): Text[] {
  const devices = soundhw === null ? [] : (soundCards.get(soundhw) ?? []);
  return devices.flatMap((device) => ['-device', device]);
}

/**
 * The emulated cards with what they are plugged into, or the explicit absence of any. The tap always gets the name that
 * libxl chose; a script renames it later for `vifname=`.
 */
export function nicArgs(nics: readonly EmulatedNic[], domid: Text): Text[] {
  return nics.length === 0 ? ['-net', 'none'] : nics.flatMap((nic) => oneNicArgs(nic, domid));
}

function oneNicArgs({ devid, model, mac, backend }: EmulatedNic, domid: Text): Text[] {
  const netdev = `net${devid}`;
  const device = optionString(model, [
    ['id', `nic${devid}`],
    ['netdev', backend.kind === 'none' ? null : netdev],
    ['mac', mac],
  ]);
  switch (backend.kind) {
    case 'tap': {
      const tap = optionString(null, [
        ['type', 'tap'],
        ['id', netdev],
        ['ifname', t`vif${domid}.${devid}-emu`],
        ['br', backend.bridge],
        ['script', 'no'],
        ['downscript', 'no'],
      ]);
      return ['-device', device, '-netdev', tap];
    }
    case 'user':
      return ['-device', device, '-netdev', `user,id=${netdev}`];
    case 'none':
      return ['-device', device];
    default:
      return unreachable(backend);
  }
}

/** `-name`, with the comma of a name doubled: QEMU would read an option after it. */
export const nameArgs = (name: string | null): Text[] => (name === null ? [] : ['-name', escapeCommas(name)]);
