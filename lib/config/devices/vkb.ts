import { missing, parseOptions, readOptions, type DeviceWords, type FieldsOf, type WordReading } from '../options.ts';
import type { Dialect } from '../syntax.ts';

/** What a word of the `vkb` list may say (xl_parse.c:parse_vkb_config). */
const options = {
  backend: { field: 'backendDomname', type: 'text' },
  'backend-type': { field: 'backendType', type: 'words', words: ['qemu', 'linux'] },
  'unique-id': { field: 'uniqueId', type: 'text' },
  'feature-disable-keyboard': { field: 'disableKeyboard', type: 'flag' },
  'feature-disable-pointer': { field: 'disablePointer', type: 'flag' },
  'feature-abs-pointer': { field: 'absolutePointer', type: 'flag' },
  'feature-raw-pointer': { field: 'rawPointer', type: 'flag' },
  'feature-multi-touch': { field: 'multiTouch', type: 'flag' },
  'multi-touch-width': { field: 'multiTouchWidth', type: 'number' },
  'multi-touch-height': { field: 'multiTouchHeight', type: 'number' },
  'multi-touch-num-contacts': { field: 'multiTouchContacts', type: 'number' },
  width: { field: 'width', type: 'number' },
  height: { field: 'height', type: 'number' },
} as const;

/** A virtual keyboard and pointer as the user asked for it (`libxl_device_vkb`). */
export type Vkb = FieldsOf<typeof options>;

/** Reads a word of the `vkb` list. */
export function readVkb(word: string, dialect: Dialect): WordReading<Vkb> {
  const device: DeviceWords = {
    kind: 'vkb',
    noun: 'a virtual keyboard',
    dialect,
    unknown: ({ text }) => `Unknown string "${text}" in vkb spec`,
    badWord: (_, value) => `Unknown backend_type "${value}" in vkb spec`,
  };
  const { value, findings } = readOptions(parseOptions(word), options, device);
  if (value.backendType !== null || findings.length > 0) return { value, findings };
  return { value, findings: [missing(device, 'backend-type', word, 'backend-type should be set in vkb spec')] };
}
