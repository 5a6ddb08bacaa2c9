import { parse } from '../../grammar/generated/ranges.js';
import type { WordFinding } from './options.ts';
import type { Dialect } from './syntax.ts';

/** I/O ports of the host (`libxl_ioport_range`). */
export interface IoPorts {
  readonly first: number;
  readonly number: number;
}

/** Memory of host devices in pages of 4 KiB (`libxl_iomem_range`), exact where such memory can be; `gfn` is null where it is to be as on the host. */
export interface IoMemory {
  readonly start: number;
  readonly number: number;
  readonly gfn: number | null;
}

/** One element of a list, or null and what is wrong with it. */
export interface RangeReading<T> {
  readonly value: T | null;
  readonly findings: readonly WordFinding[];
}

interface NumberNode {
  readonly sign: string;
  readonly digits: string;
}
interface Tail {
  readonly text: string;
  readonly start: number;
}

const LARGEST_32 = 0xffff_ffffn;
const LAST_PORT = 0xffff;
/** The frame numbers of 52 bits of address. */
const LAST_FRAME = 2 ** 40 - 1;

/** An element of `ioports`: `3f8-3ff`. */
export function readIoPorts(word: string, dialect: Dialect): RangeReading<IoPorts> {
  const hint = 'ports are hexadecimal, 2f8 or 3f8-3ff';
  const node = tryParse(word, 'Ports') as { first: NumberNode; last: NumberNode; tail: Tail | null } | null;
  if (node === null || node.tail?.text.startsWith('-') === true) return invalid('ioport', word, hint);
  const [first, last] = [toBits(node.first), toBits(node.last)];
  for (const port of [first, last]) if (port > LARGEST_32) return tooBig('ioport', word, port, hint);
  const value = { first: Number(first), number: Number(BigInt.asUintN(32, last - first + 1n)) };
  const problem = (message: string): RangeReading<IoPorts> => {
    const severity = dialect === 'xl' ? 'warning' : 'error';
    return { value, findings: [{ severity, code: 'ioports-range', message, hint, start: 0, length: word.length }] };
  };
  if (node.tail !== null) return strangeTail('ioport', word, node.tail, value, dialect, hint);
  if (last < first) return problem(`the ports ${word} end before they begin`);
  if (last > LAST_PORT) return problem('there are no ports beyond ffff');
  return { value, findings: [] };
}

/** An element of `irqs`, in decimal. */
export function readInterrupt(word: string, dialect: Dialect): RangeReading<number> {
  const hint = 'interrupts are decimal numbers';
  const node = tryParse(word, 'Interrupt') as { first: NumberNode; tail: Tail | null } | null;
  // xl takes 0x60 for a 0 with a tail, and refuses it.
  if (node?.tail !== null) return invalid('irq', word, hint);
  const number = toBits(node.first);
  if (number > LARGEST_32) return tooBig('irq', word, number, hint);
  if (dialect === 'extended' && number > 0x7fff_ffffn) return tooBig('irq', word, number, hint);
  return { value: Number(number), findings: [] };
}

/** An element of `iomem`: `START,COUNT` or `START,COUNT@GFN` in hexadecimal pages. */
export function readIoMemory(word: string, dialect: Dialect): RangeReading<IoMemory> {
  const hint = 'memory is START,COUNT[@GFN] in hexadecimal pages: fd600,100';
  const node = tryParse(word, 'Memory') as { start: NumberNode; count: NumberNode; gfn: NumberNode | null } | null;
  if (node === null) return invalid('iomem', word, hint);
  const value = {
    start: Number(toBits(node.start)),
    number: Number(toBits(node.count)),
    gfn: node.gfn === null ? null : Number(toBits(node.gfn)),
  };
  const message =
    value.number === 0
      ? 'no page is asked for'
      : [value.start, value.number, value.gfn ?? 0].some((frame) => frame > LAST_FRAME)
        ? 'there is no memory so far up'
        : null;
  if (message === null || dialect === 'xl') return { value, findings: [] };
  return {
    value,
    findings: [{ severity: 'error', code: 'iomem-range', message, hint, start: 0, length: word.length }],
  };
}

function tryParse(word: string, startRule: 'Ports' | 'Interrupt' | 'Memory'): unknown {
  try {
    return parse(word, { startRule });
  } catch {
    return null;
  }
}

/** As `strtoul` in 64 bits: too large stays at the largest, a minus counts down from there. */
function toBits({ sign, digits }: NumberNode): bigint {
  const significant = digits.replace(/^0x/, '').replace(/^0+/, '');
  if (significant.length > 20) return (1n << 64n) - 1n;
  const value = significant === '' ? 0n : BigInt(digits.startsWith('0x') ? `0x${significant}` : significant);
  if (value >= 1n << 64n) return (1n << 64n) - 1n;
  return BigInt.asUintN(64, sign === '-' ? -value : value);
}

const LIST = { ioport: 'ioports', irq: 'irqs', iomem: 'iomem' } as const;
type Kind = keyof typeof LIST;

const invalid = (kind: Kind, word: string, hint: string): RangeReading<never> => ({
  value: null,
  findings: [
    {
      severity: 'error',
      code: `${LIST[kind]}-range`,
      message: `\`${word}\` is no ${kind}`,
      hint,
      start: 0,
      length: Math.max(1, word.length),
      xl: `xl: Invalid argument parsing ${kind}: ${word}`,
    },
  ],
});

const tooBig = (kind: Kind, word: string, number: bigint, hint: string): RangeReading<never> => ({
  value: null,
  findings: [
    {
      severity: 'error',
      code: `${LIST[kind]}-range`,
      message: `${kind} ${word} is too large`,
      hint,
      start: 0,
      length: word.length,
      xl: `xl: ${kind} ${number.toString(16)} too big`,
    },
  ],
});

/** xl says so, and goes on with what it has. */
function strangeTail<T>(
  kind: Kind,
  word: string,
  { text, start }: Tail,
  value: T,
  dialect: Dialect,
  hint: string,
): RangeReading<T> {
  const finding: WordFinding = {
    severity: dialect === 'xl' ? 'warning' : 'error',
    code: `${LIST[kind]}-range`,
    message: `\`${text}\` follows the number`,
    hint,
    start,
    length: text.length,
    xl: `xl: Invalid argument parsing ${kind}: ${word}`,
    xlGoesOn: true,
  };
  return { value, findings: [finding] };
}
