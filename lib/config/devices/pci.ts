import { parse } from '../../../grammar/generated/pci.js';
import { nearest } from '../../base/similar.ts';
import type { WordFinding, WordReading } from '../options.ts';

/** A PCI device of the host as the user asked for it (`libxl_device_pci`); flags are `null` where not said. */
export interface Pci {
  /** The address; null where a name stands for it. */
  readonly address: PciAddress | null;
  /** The name under which `xl pci-assignable-add -n` knows the device. */
  readonly name: string | null;
  /** The slot in the guest, 0 to 31. */
  readonly slot: number | null;
  readonly permissive: boolean | null;
  readonly msitranslate: boolean | null;
  readonly seize: boolean | null;
  readonly powerMgmt: boolean | null;
  readonly rdmPolicy: 'strict' | 'relaxed' | null;
}

/** Where a device is in the host; `func` is null for every function. */
export interface PciAddress {
  readonly domain: number;
  readonly bus: number;
  readonly device: number;
  readonly func: number | null;
}

interface Pair {
  readonly start: number;
  readonly text: string;
  readonly key: string;
  readonly value: { readonly text: string; readonly start: number };
}

interface Specification {
  readonly address: PciAddress | null;
  readonly slot: { readonly slot: number | null } | null;
  /** An object where something strange follows the address. */
  readonly rest: string | { readonly start: number } | null;
  readonly pairs: readonly Pair[];
  /** What is left where a KEY has no value. */
  readonly tail: { readonly text: string; readonly start: number };
}

const FLAGS = {
  permissive: 'permissive',
  msitranslate: 'msitranslate',
  seize: 'seize',
  power_mgmt: 'powerMgmt',
} as const;
const isFlag = (key: string): key is keyof typeof FLAGS => Object.hasOwn(FLAGS, key);
const KEYS = ['bdf', 'vslot', 'rdm_policy', 'name', ...Object.keys(FLAGS)];

/** A PCI address at the beginning of a text (`xlu_pci_parse_bdf`), or null. What follows it does not count. */
export function readPciAddress(text: string): PciAddress | null {
  try {
    return parse(text, { startRule: 'Address' }) as PciAddress;
  } catch {
    return null;
  }
}

type Draft = { -readonly [Field in keyof Pci]: Pci[Field] };
const INVALID = 6;
const FAILED = 3;

/** Reads a word of the `pci` list (`xlu_pci_parse_spec_string`): it ends at the first thing that is wrong. */
export function readPci(word: string): WordReading<Pci> {
  const { address, slot, rest, pairs, tail } = parse(word, { startRule: 'Specification' }) as Specification;
  const pci: Draft = {
    address,
    name: null,
    slot: slot?.slot ?? null,
    permissive: null,
    msitranslate: null,
    seize: null,
    powerMgmt: null,
    rdmPolicy: null,
  };
  const refuse = (problem: Omit<Problem, 'word'>): WordReading<Pci> => ({
    value: pci,
    findings: [findingOf({ ...problem, word })],
  });
  if (slot?.slot === null) {
    const start = word.indexOf('@') + 1;
    return refuse({ code: 'pci-vslot', message: 'the slot in the guest is 0 to 1f', start, hint: 'write @5' });
  }
  if (typeof rest === 'object' && rest !== null) {
    const message = `\`${word.slice(rest.start)}\` follows the address`;
    return refuse({
      code: 'pci-option',
      message,
      start: rest.start,
      hint: 'options follow a comma: 03:00.0,permissive=1',
    });
  }
  for (const pair of pairs) {
    const problem = readPair(pci, pair);
    if (problem !== null) return refuse({ ...problem, start: pair.start, length: pair.text.length });
  }
  if (tail.text !== '') {
    const isAddress = pairs.length === 0 && address === null;
    const message = isAddress ? `\`${tail.text}\` is no PCI address` : `\`${tail.text}\` has no value`;
    const hint = isAddress
      ? 'an address is such as 0000:03:00.0, in hexadecimal, as lspci -D shows it'
      : 'write KEY=VALUE';
    return refuse({ code: isAddress ? 'pci-address' : 'pci-option', message, start: tail.start, hint });
  }
  if ((pci.address === null) === (pci.name === null)) {
    const message = pci.name === null ? 'the word names no PCI device' : 'the device has an address and a name';
    return refuse({ code: 'pci-address', message, start: 0, hint: 'say either its address or its name=' });
  }
  return { value: pci, findings: [] };
}

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly start: number;
  readonly length?: number;
  readonly word: string;
  /** What libxlutil says before xl's own line. */
  readonly said?: string;
  readonly exit?: number;
}

/** libxlutil ends its sentences without a newline, so xl's own line follows on the same one. */
const findingOf = ({ code, message, hint, start, length, word, said = '', exit = INVALID }: Problem): WordFinding => ({
  severity: 'error',
  code,
  message,
  hint,
  start,
  length: Math.max(1, length ?? word.length - start),
  xl: `${said}unable to parse PCI_SPEC_STRING \`${word}' for passthrough`,
  xlExit: exit,
});

/** Takes one pair into the device; gives back what is wrong with it. */
function readPair(
  pci: Draft,
  { key, value: { text } }: Pair,
): Pick<Problem, 'code' | 'message' | 'hint' | 'said' | 'exit'> | null {
  if (isFlag(key)) {
    // As C's `atoi`: what is no number is 0.
    pci[FLAGS[key]] = /^[ \t\n\v\f\r]*[+-]?0*[1-9]/.test(text);
    return null;
  }
  switch (key) {
    case 'bdf': {
      pci.address = readPciAddress(text) ?? pci.address;
      if (readPciAddress(text) !== null) return null;
      return {
        code: 'pci-address',
        message: `\`${text}\` is no PCI address`,
        hint: 'an address is such as 0000:03:00.0',
      };
    }
    case 'vslot': {
      const slot = /^[ \t\n\v\f\r]*\+?(?:0[xX]|(?=[0-9a-fA-F]))0*([0-9a-fA-F]{0,2})(?![0-9a-fA-F])/.exec(text)?.[1];
      pci.slot = slot === undefined ? null : parseInt(`0${slot}`, 16);
      if (pci.slot !== null && pci.slot <= 0x1f) return null;
      return { code: 'pci-vslot', message: 'the slot in the guest is 0 to 1f', hint: 'write vslot=5' };
    }
    case 'rdm_policy': {
      const policy = text.toLowerCase();
      if (policy === 'strict' || policy === 'relaxed') {
        pci.rdmPolicy = policy;
        return null;
      }
      const said = `Unknown RDM policy: ${text}`;
      return { code: 'pci-rdm_policy', message: said, hint: 'it is strict or relaxed', said, exit: FAILED };
    }
    case 'name':
      pci.name = text;
      return null;
    default: {
      const meant = nearest(key.trim(), KEYS);
      const hint = meant === null ? `options are ${KEYS.join(', ')}` : `did you mean \`${meant}\`?`;
      const said = `Unknown PCI_SPEC_STRING option: ${key}`;
      return { code: 'pci-option', message: `a PCI device has no option \`${key}\``, hint, said };
    }
  }
}
