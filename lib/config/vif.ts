import { nearest } from '../base/similar.ts';
import { parseOptions, type OptionNode, type WordFinding } from './options.ts';
import { readRate, type VifRate } from './rate.ts';
import type { Dialect } from './syntax.ts';

export type { VifRate } from './rate.ts';

/** A network interface as the user asked for it (`libxl_device_nic`), before any default; `null` is "not said". */
export interface Vif {
  /** The place in the `vif` list, or what `devid=` says. */
  readonly devid: number;
  /** Lower case, with colons. */
  readonly mac: string | null;
  readonly bridge: string | null;
  readonly gatewaydev: string | null;
  /** `ioemu` puts an emulated card in front of the PV interface. */
  readonly type: 'vif' | 'ioemu' | null;
  /** The emulated card, as QEMU names it. */
  readonly model: string | null;
  readonly ifname: string | null;
  readonly script: string | null;
  readonly ip: string | null;
  readonly backendDomname: string | null;
  readonly rate: VifRate | null;
  readonly mtu: number | null;
  readonly trusted: boolean | null;
  /** Where COLO's proxy forwards packets to. */
  readonly forwarddev: string | null;
}

export interface VifReading {
  readonly vif: Vif;
  readonly findings: readonly WordFinding[];
}

/** Reads a word of the `vif` list, options between commas. Blanks before an option are skipped, as xl does. */
export function readVifWord(word: string, devid: number, options: { dialect: Dialect; source: string }): VifReading {
  return readVifOptions(parseOptions(word), devid, options);
}

type Draft = { -readonly [Field in keyof Vif]: Vif[Field] };
type Remark = Omit<WordFinding, 'severity' | 'start' | 'length'> & { readonly severity?: WordFinding['severity'] };

/** Reads options that are already apart, such as the words of `xl network-attach` (xl_parse.c:parse_nic_config). */
export function readVifOptions(
  options: readonly Pick<OptionNode, 'text' | 'start'>[],
  devid: number,
  { dialect, source }: { dialect: Dialect; source: string },
): VifReading {
  const vif: Draft = { ...nothingSaid, devid };
  const findings: WordFinding[] = [];
  for (const { text, start } of options) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? null : text.slice(equals + 1);
    const remark = readOption(vif, { key, value, text, dialect, source });
    // xl makes the domain all the same, with an interface that nobody asked for.
    const severity = remark?.severity ?? (dialect === 'xl' ? 'warning' : 'error');
    const xlGoesOn = remark?.severity !== 'error';
    if (remark !== null) findings.push({ ...remark, severity, xlGoesOn, start, length: text.length });
  }
  return { vif, findings };
}

const nothingSaid: Omit<Vif, 'devid'> = {
  mac: null,
  bridge: null,
  gatewaydev: null,
  type: null,
  model: null,
  ifname: null,
  script: null,
  ip: null,
  backendDomname: null,
  rate: null,
  mtu: null,
  trusted: null,
  forwarddev: null,
};

const TEXTS = {
  bridge: 'bridge',
  gatewaydev: 'gatewaydev',
  netdev: 'gatewaydev',
  model: 'model',
  vifname: 'ifname',
  script: 'script',
  ip: 'ip',
  backend: 'backendDomname',
  forwarddev: 'forwarddev',
} as const satisfies Readonly<Record<string, keyof Vif>>;
const isText = (key: string): key is keyof typeof TEXTS => Object.hasOwn(TEXTS, key);
const KEYS = [...Object.keys(TEXTS), 'mac', 'type', 'rate', 'devid', 'mtu', 'trusted', 'untrusted', 'accel'];

interface Option {
  readonly key: string;
  readonly value: string | null;
  readonly text: string;
  readonly dialect: Dialect;
  readonly source: string;
}

/** Takes one option into the interface; what it gives back is what there is to say about it. */
function readOption(vif: Draft, option: Option): Remark | null {
  const { key, value, text, source } = option;
  if (value === null) {
    if (text !== 'trusted' && text !== 'untrusted') return unrecognised(option);
    vif.trusted = text === 'trusted';
    return null;
  }
  if (isText(key)) {
    vif[TEXTS[key]] = value;
    return key === 'netdev' ? netdev : null;
  }
  switch (key) {
    case 'mac':
      return readMac(vif, value, option);
    case 'type':
      if (value !== 'vif' && value !== 'ioemu') return badParameter('type', 'it is vif or ioemu');
      vif.type = value;
      return null;
    case 'rate': {
      const reading = readRate(value);
      if (reading.ok) {
        vif.rate = reading.rate;
        return null;
      }
      const message = `${reading.message} in \`${reading.near}'`;
      const xl = `${source}: config parsing error in vif: ${message}`;
      return { severity: 'error', code: 'vif-rate', message, hint: 'a rate is such as 10Mb/s@50ms', xl };
    }
    case 'devid':
      return readNumber(value, [0, 0x7fff_ffff], (number) => (vif.devid = number));
    case 'mtu':
      // 0 is libxl's "not said".
      return readNumber(value, [0, 65_535], (number) => (vif.mtu = number === 0 ? null : number));
    case 'accel':
      return accel;
    default:
      return unrecognised(option);
  }
}

const netdev: Remark = {
  severity: 'warning',
  code: 'vif-netdev',
  message: '`netdev` is an old word',
  hint: 'write gatewaydev=',
  xl: 'the netdev parameter is deprecated, please use gatewaydev instead',
};

const accel: Remark = {
  severity: 'warning',
  code: 'vif-accel',
  message: '`accel` has no effect',
  hint: 'leave it out',
  xl: 'the accel parameter for vifs is currently not supported',
};

function unrecognised({ key, text }: Option): Remark {
  const meant = nearest(key, KEYS);
  const hint = meant === null || meant === key ? `options are ${KEYS.join(', ')}` : `did you mean \`${meant}\`?`;
  return {
    code: 'vif-option',
    message: `an interface has no option \`${text}\``,
    hint,
    xl: `unrecognized argument \`${text}'`,
  };
}

const badParameter = (name: string, hint: string): Remark => ({
  code: `vif-${name}`,
  message: `Invalid parameter \`${name}'.`,
  hint,
  xl: `Invalid parameter \`${name}'.`,
});

/** Six bytes in hex, between colons or dashes. What follows them xl does not look at. */
function readMac(vif: Draft, value: string, { dialect }: Option): Remark | null {
  const match = /^([0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}/i.exec(value);
  if (match === null || (dialect === 'extended' && match[0] !== value)) {
    return badParameter('mac', 'a MAC address is six bytes in hex: 00:16:3e:12:34:56');
  }
  vif.mac = match[0]
    .split(/[:-]/)
    .map((byte) => byte.padStart(2, '0').toLowerCase())
    .join(':');
  if ((parseInt(vif.mac, 16) & 1) === 0) return null;
  const hint = "the first byte of an interface's own address is even";
  return { severity: 'warning', code: 'vif-mac-group', message: `${vif.mac} is a multicast address`, hint };
}

function readNumber(
  value: string,
  [least, greatest]: readonly [number, number],
  take: (number: number) => void,
): Remark | null {
  const refuse = (message: string, xl?: string): Remark => ({
    severity: 'error',
    code: 'vif-number',
    message,
    hint: `it is ${least} to ${greatest}`,
    ...(xl === undefined ? {} : { xl }),
  });
  if (!/^ *[0-9]+$/.test(value)) {
    return refuse(`"${value}" is no number`, `xl: failed to convert "${value}" to number`);
  }
  const number = Number(value);
  if (number < least || number > greatest) return refuse(`${value.trim()} is too large`);
  take(number);
  return null;
}
