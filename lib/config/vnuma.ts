import { selectCpus, type CpuList } from './cpus.ts';
import type { WordFinding } from './options.ts';
import type { Dialect } from './syntax.ts';

/** One virtual NUMA node as the user asked for it (`libxl_vnode_info`). */
export interface Vnode {
  /** The host's node behind it. */
  readonly pnode: number;
  /** MiB. */
  readonly size: number;
  /** Its vcpus, ascending. */
  readonly vcpus: readonly number[];
  /** Distances to every node, this one's too; empty where not said. */
  readonly distances: readonly number[];
}

/** What there is to say about one of the strings of a node. */
export interface VnodeFinding extends WordFinding {
  /** The place of the string in the node's list. */
  readonly word: number;
}

const KEYS = ['pnode', 'size', 'vcpus', 'vdistances'] as const;
/** xl's own bound, by way of Xen's (XEN_LEGACY_MAX_VCPUS is far below). */
const MOST_VCPUS = 8192;

/** Reads one element of the `vnuma` list (xl_parse.c:parse_vnuma_config): strings `KEY=VALUE`, blanks without meaning. */
export function readVnode(
  words: readonly string[],
  dialect: Dialect,
): { value: Vnode; findings: readonly VnodeFinding[] } {
  const findings: VnodeFinding[] = [];
  let value: Vnode = { pnode: 0, size: 0, vcpus: [], distances: [] };
  for (const [word, text] of words.entries()) {
    const tell = (code: string, message: string, hint: string, xl?: string, goesOn = false): void => {
      const severity = goesOn && dialect === 'xl' ? 'warning' : 'error';
      const place = { start: 0, length: Math.max(1, text.length), word };
      findings.push({
        ...{ severity, code, message, hint, ...place },
        ...(xl === undefined ? {} : { xl }),
        ...(goesOn ? { xlGoesOn: true } : {}),
      });
    };
    const pair = /^([^=]+)=([^=]+)/.exec(text);
    const [key, said] = [pair?.[1]?.trim() ?? '', pair?.[2]?.trim() ?? ''];
    if (pair === null) {
      tell('vnuma-word', `\`${text}\` is no KEY=VALUE`, 'write KEY=VALUE', `xl: failed to split "${text}" into pair`);
      continue;
    }
    const number = (what: string): number | null => {
      if (/^[0-9]{1,9}$/.test(what)) return Number(what);
      // xl reads decimal digits and lets what follows be.
      if (dialect === 'xl' && /^[0-9]/.test(what)) return Number(/^[0-9]+/.exec(what)![0]);
      tell(`vnuma-${key}`, `"${what}" is no number`, 'it is decimal', `xl: failed to convert "${what}" to number`);
      return null;
    };
    switch (key) {
      case 'pnode':
        value = { ...value, pnode: number(said) ?? 0 };
        break;
      case 'size':
        value = { ...value, size: number(said) ?? 0 };
        break;
      case 'vcpus': {
        const vcpus = vcpusOf(said);
        if (vcpus === null) tell('vnuma-vcpus', `"${said}" is no list of vcpus`, 'write vcpus=0-1,4', undefined, true);
        else value = { ...value, vcpus: [...new Set([...value.vcpus, ...vcpus])].sort((one, other) => one - other) };
        break;
      }
      case 'vdistances': {
        const distances = said.split(',').flatMap((part) => (part.trim() === '' ? [] : [number(part.trim())]));
        value = { ...value, distances: distances.filter((distance) => distance !== null) };
        break;
      }
      default:
        tell('vnuma-word', `a virtual node has no \`${key}\``, `it has ${KEYS.join(', ')}`, undefined, true);
    }
  }
  return { value, findings };
}

/** Numbers and ranges of vcpus; null where there is anything else. */
function vcpusOf(text: string): number[] | null {
  const terms: CpuList[number][] = [];
  for (const part of text.split(',')) {
    const match = /^\s*([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?\s*$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last < first || last >= MOST_VCPUS) return null;
    terms.push({ without: false, of: 'cpus', range: { first, last } });
  }
  return selectCpus(terms, { cpus: MOST_VCPUS, nodes: [] });
}
