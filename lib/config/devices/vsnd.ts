import { parseOptions, readOptions, type DeviceWords, type FieldsOf, type WordFinding } from '../options.ts';
import type { Dialect } from '../syntax.ts';

const params = {
  'sample-rates': { field: 'sampleRates', type: 'text' },
  'sample-formats': { field: 'sampleFormats', type: 'text' },
  'channels-min': { field: 'channelsMin', type: 'number' },
  'channels-max': { field: 'channelsMax', type: 'number' },
  'buffer-size': { field: 'bufferSize', type: 'number' },
} as const;
const card = {
  backend: { field: 'backendDomname', type: 'text' },
  'short-name': { field: 'shortName', type: 'text' },
  'long-name': { field: 'longName', type: 'text' },
  ...params,
} as const;
const pcm = { name: { field: 'name', type: 'text' }, ...params } as const;
const stream = {
  'unique-id': { field: 'uniqueId', type: 'text' },
  type: { field: 'type', type: 'words', words: ['p', 'c'] },
  ...params,
} as const;

/** Formats of samples (`libxl_vsnd_pcm_format`, xen/include/public/io/sndif.h). */
const FORMATS: readonly string[] = [
  ...['s8', 'u8'],
  ...['s16', 'u16', 's24', 'u24', 's32', 'u32', 'f32', 'f64', 'iec958_subframe'].flatMap((format) => [
    `${format}_le`,
    `${format}_be`,
  ]),
  ...['mu_law', 'a_law', 'ima_adpcm', 'mpeg', 'gsm'],
];

/** How sound is sampled; `null` is "not said". */
export interface SoundParams {
  readonly sampleRates: readonly number[] | null;
  readonly sampleFormats: readonly string[] | null;
  readonly channelsMin: number | null;
  readonly channelsMax: number | null;
  readonly bufferSize: number | null;
}

/** A virtual sound card as the user asked for it (`libxl_device_vsnd`), with its devices and their streams. */
export interface Vsnd {
  readonly backendDomname: string | null;
  readonly shortName: string | null;
  readonly longName: string | null;
  readonly params: SoundParams;
  readonly pcms: readonly {
    readonly name: string | null;
    readonly params: SoundParams;
    readonly streams: readonly {
      readonly uniqueId: string | null;
      readonly type: 'p' | 'c' | null;
      readonly params: SoundParams;
    }[];
  }[];
}

/** What there is to say about one of the words of a card. */
export interface CardFinding extends WordFinding {
  /** The place of the word in the card's list. */
  readonly word: number;
}

type Draft<T> = { -readonly [Field in keyof T]: T[Field] };
type PcmDraft = Omit<Draft<Vsnd['pcms'][number]>, 'streams'> & {
  readonly streams: Vsnd['pcms'][number]['streams'][number][];
};

/**
 * Reads one element of the `vsnd` list (xl_parse.c:parse_vsnd_config): words `card, …`, `pcm, …` and `stream, …`; a pcm
 * belongs to the card, a stream to the pcm before it.
 */
export function readVsnd(
  words: readonly string[],
  dialect: Dialect,
): { value: Vsnd; findings: readonly CardFinding[] } {
  const device: DeviceWords = {
    kind: 'vsnd',
    noun: 'a virtual sound card',
    dialect,
    unknown: ({ text }) => `Invalid parameter: ${text}`,
    badWord: (_, value) => `Invalid stream type: ${value}`,
  };
  const findings: CardFinding[] = [];
  let head = readOptions([], card, device).value;
  const pcms: PcmDraft[] = [];
  const newPcm = (name: string | null, sound: SoundParams): PcmDraft => {
    const made: PcmDraft = { name, params: sound, streams: [] };
    pcms.push(made);
    return made;
  };
  for (const [word, text] of words.entries()) {
    const [kind, ...options] = parseOptions(text);
    const tell = (all: readonly WordFinding[]): void => {
      findings.push(...all.map((finding) => ({ ...finding, word })));
    };
    switch (kind?.text.toLowerCase() ?? '') {
      case 'card': {
        const reading = readOptions(options, card, device);
        head = mergeSaid(head, reading.value);
        tell([...reading.findings, ...paramProblems(reading.value, text)]);
        break;
      }
      case 'pcm': {
        const { value, findings: problems } = readOptions(options, pcm, device);
        newPcm(value.name, paramsOf(value));
        tell([...problems, ...paramProblems(value, text)]);
        break;
      }
      case 'stream': {
        const { value, findings: problems } = readOptions(options, stream, device);
        const owner = pcms.at(-1) ?? newPcm(null, noParams);
        owner.streams.push({ uniqueId: value.uniqueId, type: value.type, params: paramsOf(value) });
        tell([...problems, ...paramProblems(value, text)]);
        break;
      }
      default:
        tell([badHead(kind?.text ?? '', text)]);
    }
  }
  const { backendDomname, shortName, longName } = head;
  return { value: { backendDomname, shortName, longName, params: paramsOf(head), pcms }, findings };
}

const badHead = (kind: string, text: string): WordFinding => ({
  severity: 'error',
  code: 'vsnd-word',
  message: `a sound card has no \`${kind}\``,
  hint: 'words begin with card, pcm or stream',
  start: 0,
  length: Math.max(1, text.length),
  xl: `Invalid key: ${kind}`,
});

const noParams: SoundParams = {
  sampleRates: null,
  sampleFormats: null,
  channelsMin: null,
  channelsMax: null,
  bufferSize: null,
};

function paramsOf(said: FieldsOf<typeof params>): SoundParams {
  const { channelsMin, channelsMax, bufferSize } = said;
  return {
    sampleRates: said.sampleRates === null ? null : items(said.sampleRates).map(rateOf),
    sampleFormats: said.sampleFormats === null ? null : items(said.sampleFormats).map((format) => format.toLowerCase()),
    channelsMin,
    channelsMax,
    bufferSize,
  };
}

/** Semicolons part the items of a list. */
const items = (list: string): string[] =>
  list
    .split(';')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const rateOf = (text: string): number => (/^[0-9]{1,9}$/.test(text) ? Number(text) : 0);

function paramProblems(said: FieldsOf<typeof params>, text: string): WordFinding[] {
  const place = (item: string): Pick<WordFinding, 'start' | 'length'> => ({
    start: Math.max(0, text.indexOf(item)),
    length: Math.max(1, item.length),
  });
  return [
    ...items(said.sampleFormats ?? '')
      .filter((format) => !FORMATS.includes(format.toLowerCase()))
      .map((format): WordFinding => ({
        severity: 'error',
        code: 'vsnd-sample-formats',
        message: `\`${format}\` is no format of samples`,
        hint: `formats are ${FORMATS.join(', ')}`,
        ...place(format),
        xl: `Invalid pcm format: ${format}`,
      })),
    ...items(said.sampleRates ?? '')
      .filter((rate) => !/^[0-9]{1,9}$/.test(rate))
      .map((rate): WordFinding => ({
        severity: 'error',
        code: 'vsnd-sample-rates',
        message: `\`${rate}\` is no sample rate`,
        hint: 'a rate is a number of samples a second, such as 48000',
        ...place(rate),
        xlGoesOn: true,
      })),
  ];
}

/** A second `card` word adds to the first. */
const mergeSaid = <T extends object>(before: T, said: T): T => ({
  ...before,
  ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)),
});
