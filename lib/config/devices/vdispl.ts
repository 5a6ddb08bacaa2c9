import { parse } from '../../../grammar/generated/connectors.js';
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

/** What a word of the `vdispl` list may say (xl_parse.c:parse_vdispl_config). */
const options = {
  backend: { field: 'backendDomname', type: 'text' },
  'be-alloc': { field: 'beAlloc', type: 'flag' },
  connectors: { field: 'connectors', type: 'text' },
} as const;

/** One screen of a virtual display; sizes in pixels. */
export interface Connector {
  readonly uniqueId: string;
  readonly width: number;
  readonly height: number;
}

/** A virtual display as the user asked for it (`libxl_device_vdispl`). */
export type Vdispl = Omit<FieldsOf<typeof options>, 'connectors'> & { readonly connectors: readonly Connector[] };

type ConnectorNode = { readonly start: number; readonly text: string } & (
  | { readonly kind: 'connector'; readonly id: string; readonly width: string; readonly height: string }
  | { readonly kind: 'bad' }
);

const LARGEST = 0xffff_ffff;

/** Reads a word of the `vdispl` list. Where xl crashes over a connector, we refuse it. */
export function readVdispl(word: string, dialect: Dialect): WordReading<Vdispl> {
  const device: DeviceWords = {
    kind: 'vdispl',
    noun: 'a virtual display',
    dialect,
    unknown: ({ text }) => `Unknown string "${text}" in vdispl spec`,
  };
  const nodes = parseOptions(word);
  const { value, findings } = readOptions(nodes, options, device);
  const list = nodes.findLast(({ key }) => key === 'connectors')?.value;
  const connectors = (list === undefined || list === null ? [] : (parse(list.text) as ConnectorNode[])).map((node) => ({
    node,
    connector: connectorOf(node),
  }));
  const bad = connectors.filter(({ connector }) => connector === null);
  const problems: WordFinding[] = [
    ...findings,
    ...bad.map(({ node }) => badConnector(node, (list?.start ?? 0) + node.start)),
  ];
  if (problems.length === 0 && connectors.length === 0) {
    problems.push(missing(device, 'connectors', word, 'At least one connector should be specified.'));
  }
  const good = connectors.flatMap(({ connector }) => (connector === null ? [] : [connector]));
  return { value: { ...value, connectors: good }, findings: problems };
}

function connectorOf(node: ConnectorNode): Connector | null {
  if (node.kind === 'bad') return null;
  const [width, height] = [Number(node.width), Number(node.height)];
  return width > LARGEST || height > LARGEST ? null : { uniqueId: node.id, width, height };
}

const badConnector = (node: ConnectorNode, start: number): WordFinding => ({
  severity: 'error',
  code: 'vdispl-connectors',
  message: `\`${node.text}\` is no connector`,
  hint: 'a connector is ID:WIDTHxHEIGHT, such as id0:1920x1080',
  start,
  length: node.text.length,
  xl: "Can't parse connector resolution",
});
