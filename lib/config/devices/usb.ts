import { parseOptions, readOptions, type DeviceWords, type FieldsOf, type WordReading } from '../options.ts';
import type { Dialect } from '../syntax.ts';

/** `usbctrl`: what a word of the list may say (xl-usb(7), xl_parse.c:parse_usbctrl_config). */
const controller = {
  type: { field: 'type', type: 'words', words: ['auto', 'pv', 'qusb', 'devicemodel'] },
  version: { field: 'version', type: 'number', most: 3 },
  ports: { field: 'ports', type: 'number', most: 31 },
} as const;

/** `usbdev`: likewise (parse_usbdev_config). */
const device = {
  type: { field: 'type', type: 'words', words: ['hostdev'] },
  hostbus: { field: 'hostBus', type: 'number', most: 255 },
  hostaddr: { field: 'hostAddress', type: 'number', most: 255 },
  controller: { field: 'controller', type: 'number' },
  port: { field: 'port', type: 'number', most: 31 },
} as const;

/** A USB controller as the user asked for it (`libxl_device_usbctrl`). */
export type UsbController = FieldsOf<typeof controller>;
/** A USB device of the host, and where it is plugged in (`libxl_device_usbdev`). */
export type UsbDevice = FieldsOf<typeof device>;

/** Reads a word of the `usbctrl` list. */
export function readUsbController(word: string, dialect: Dialect): WordReading<UsbController> {
  const words: DeviceWords = {
    kind: 'usbctrl',
    noun: 'a USB controller',
    dialect,
    unknown: ({ text }) => `Unknown string \`${text}' in usbctrl spec`,
    badWord: (_, value) => `Invalid usb controller type '${value}'`,
  };
  return readOptions(parseOptions(word), controller, words);
}

/** Reads a word of the `usbdev` list. xl makes a device of one that names none; we want to know which. */
export function readUsbDevice(word: string, dialect: Dialect): WordReading<UsbDevice> {
  const words: DeviceWords = {
    kind: 'usbdev',
    noun: 'a USB device',
    dialect,
    unknown: ({ text }) => `Unknown string \`${text}' in usbdev spec`,
    badWord: () => 'Invalid usb device type: (null)',
  };
  const { value, findings } = readOptions(parseOptions(word), device, words);
  if (dialect === 'xl' || (value.hostBus !== null && value.hostAddress !== null)) return { value, findings };
  const nameless = {
    severity: 'error',
    code: 'usbdev-host',
    message: 'a USB device of the host is named by its bus and its address',
    hint: 'add hostbus=…,hostaddr=… as lsusb shows them',
    start: 0,
    length: Math.max(1, word.length),
  } as const;
  return { value, findings: findings.length === 0 ? [nameless] : findings };
}
