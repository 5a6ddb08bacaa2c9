/** Powers of 1024 by xl's letters, against KiB. */
const POWERS = { b: -1, k: 0, '': 1, m: 1, g: 2, t: 3 } as const;

/**
 * A size as `mem-set` and `mem-max` take it, in KiB: MiB unless a letter says otherwise (xl_parse.c:parse_mem_size_kb).
 * Null where it is none. Unlike xl, a letter alone is none, nor is a size below zero.
 */
export function memorySizeKiB(word: string): number | null {
  const match = /^(\d{1,15})([bkmgt]?)$/i.exec(word);
  if (match === null) return null;
  const kib = Math.floor(Number(match[1]) * 1024 ** POWERS[match[2]!.toLowerCase() as keyof typeof POWERS]);
  return Number.isSafeInteger(kib) ? kib : null;
}
