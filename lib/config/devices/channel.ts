import {
  missing,
  parseOptions,
  readOptions,
  type DeviceWords,
  type FieldsOf,
  type WordFinding,
  type WordReading,
} from '../options.ts';
import type { Dialect } from '../syntax.ts';

/** What a word of the `channel` list may say (xl_parse.c:parse_channel_config). */
const options = {
  name: { field: 'name', type: 'text' },
  connection: { field: 'connection', type: 'words', words: ['pty', 'socket'], exact: true },
  path: { field: 'path', type: 'text' },
  backend: { field: 'backendDomname', type: 'text' },
} as const;

/** A byte stream between host and guest as the user asked for it (`libxl_device_channel`). */
export type Channel = FieldsOf<typeof options>;

/** Reads a word of the `channel` list: blanks around keys and values do not count, and unknown keys do not stop xl. */
export function readChannel(word: string, dialect: Dialect): WordReading<Channel> {
  const device: DeviceWords = {
    kind: 'channel',
    noun: 'a channel',
    dialect,
    unknown: ({ key }) => `unknown channel parameter '${key.trim()}', ignoring`,
    unknownGoesOn: true,
    badWord: (_, value) => `unknown channel connection '${value}'`,
    trim: true,
  };
  const nodes = parseOptions(word);
  const bare = nodes.find(({ value }) => value === null || value.text.trim() === '');
  if (bare !== undefined) {
    const message = `\`${bare.text}\` has no value`;
    const xl = `failed to parse channel configuration: ${bare.text}`;
    const place = { start: bare.start, length: Math.max(1, bare.text.length) };
    const finding = {
      severity: 'error',
      code: 'channel-value',
      message,
      hint: 'write KEY=VALUE',
      xl,
      ...place,
    } as const;
    return { value: readOptions([], options, device).value, findings: [finding] };
  }
  const { value, findings } = readOptions(nodes, options, device);
  const lacking = findings.some(({ code }) => code === 'channel-connection') ? [] : unsaid(value, word, device);
  return { value, findings: [...findings, ...lacking] };
}

function unsaid({ connection, path }: Channel, word: string, device: DeviceWords): WordFinding[] {
  if (connection === null) return [missing(device, 'connection', word, "channel has unknown 'connection'")];
  if (connection === 'pty' || path !== null) return [];
  return [missing(device, 'path', word, "channel connection 'socket' requires path=..")];
}
