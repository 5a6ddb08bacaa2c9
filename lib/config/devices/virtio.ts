import { missing, parseOptions, readOptions, type DeviceWords, type FieldsOf, type WordReading } from '../options.ts';
import type { Dialect } from '../syntax.ts';

/** What a word of the `virtio` list may say (xl_parse.c:parse_virtio_config, Xen 4.18). */
const options = {
  backend: { field: 'backendDomname', type: 'text' },
  type: { field: 'type', type: 'text' },
  transport: { field: 'transport', type: 'words', words: ['mmio'] },
  grant_usage: { field: 'grantUsage', type: 'flag' },
} as const;

/** A virtio device as the user asked for it (`libxl_device_virtio`); `type` is `virtio,device22` or such. */
export type Virtio = FieldsOf<typeof options>;

/** Reads a word of the `virtio` list. The value of `type=` has a comma of its own: `virtio,deviceNN`. */
export function readVirtio(word: string, dialect: Dialect): WordReading<Virtio> {
  const device: DeviceWords = {
    kind: 'virtio',
    noun: 'a virtio device',
    dialect,
    unknown: ({ text }) => `Unknown string "${text}" in virtio spec`,
  };
  const nodes = parseOptions(word);
  const joined = nodes.flatMap((node, index) => {
    const before = nodes[index - 1];
    if (node.value === null && before?.key === 'type') return [];
    const next = nodes[index + 1];
    if (node.key !== 'type' || node.value === null || next?.value !== null) return [node];
    return [{ ...node, value: { ...node.value, text: `${node.value.text},${next.text}` } }];
  });
  const { value, findings } = readOptions(joined, options, device);
  if (value.type !== null || findings.length > 0) return { value, findings };
  return { value, findings: [missing(device, 'type', word, 'Unspecified virtio device type')] };
}
