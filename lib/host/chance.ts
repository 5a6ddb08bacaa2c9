import { readFileSync } from 'node:fs';

/** Where Linux gives a new random uuid (version 4) at every reading. Asking node:crypto takes a start 4 ms longer. */
const UUIDS = '/proc/sys/kernel/random/uuid';

/** A new random uuid. */
export const randomUuid = (): string => readFileSync(UUIDS, 'latin1').trim();

/** Random bytes, at most four. */
export function randomBytes(count: 1 | 2 | 3 | 4): number[] {
  const hex = randomUuid().replaceAll('-', '');
  return Array.from({ length: count }, (_, index) => parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}
