/** Credit of bytes that an interface may send in each interval. */
export interface VifRate {
  readonly bytesPerInterval: bigint;
  readonly intervalUsecs: number;
}

export type RateReading =
  | { readonly ok: true; readonly rate: VifRate }
  /** libxlutil's sentence, and the part of the word that it names. */
  | { readonly ok: false; readonly message: string; readonly near: string };

const DEFAULT_INTERVAL_USECS = 50_000n;
const LARGEST = 0xffff_ffffn;
const LARGEST_PRODUCT = 0xffff_ffff_ffff_ffffn;
const MULTIPLES: Readonly<Record<string, bigint>> = { '': 1n, K: 1000n, M: 1_000_000n, G: 1_000_000_000n };
const USECS: Readonly<Record<string, bigint>> = { '': 1_000_000n, s: 1_000_000n, m: 1000n, ms: 1000n, u: 1n, us: 1n };

/**
 * Reads `rate=`: bytes or bits a second, and how often the credit comes: `10Mb/s@20ms` (xl-network-configuration(5)).
 * A leading zero makes a number octal, as in libxlutil.
 */
export function readRate(word: string): RateReading {
  const at = word.indexOf('@');
  const speed = at < 0 ? word : word.slice(0, at);
  const tooMuch: RateReading = { ok: false, message: 'rate overflow', near: word };
  if (speed === '') return { ok: false, message: 'no rate specified', near: word };
  const match = /^([0-9]+)([GMK]?)([Bb])\/s$/.exec(speed);
  if (match === null) return { ok: false, message: 'invalid rate', near: speed };
  const [, digits = '', multiple = '', unit = ''] = match;
  const amount = cardinal(digits);
  if (amount === null) return tooMuch;
  const perSecond = (amount * MULTIPLES[multiple]!) / (unit === 'b' ? 8n : 1n);

  const usecs = at < 0 ? DEFAULT_INTERVAL_USECS : readInterval(word.slice(at + 1));
  if (typeof usecs === 'string') return { ok: false, message: usecs, near: word.slice(at + 1) };
  if (perSecond * usecs > LARGEST_PRODUCT) return tooMuch;
  return { ok: true, rate: { bytesPerInterval: (perSecond * usecs) / 1_000_000n, intervalUsecs: Number(usecs) } };
}

/** Microseconds, or what is wrong. */
function readInterval(word: string): bigint | string {
  const match = /^([0-9]+)([mu]?s|[mu])?$/.exec(word);
  if (match === null) return 'invalid replenishment interval';
  const usecs = (cardinal(match[1] ?? '') ?? 0n) * USECS[match[2] ?? '']!;
  return usecs === 0n || usecs > LARGEST ? 'replenishment interval overflow' : usecs;
}

/** A positive number of 32 bits as C's `strtoul` with base 0 reads it up to the first digit that does not fit. */
function cardinal(digits: string): bigint | null {
  const fitting = digits.startsWith('0') ? /^0[0-7]*/.exec(digits)![0] : digits;
  const significant = fitting.replace(/^0+/, '');
  // Ten decimal or eleven octal digits make 32 bits.
  if (significant === '' || significant.length > 11) return null;
  const value = BigInt(fitting.startsWith('0') ? `0o${significant}` : significant);
  return value > LARGEST ? null : value;
}
