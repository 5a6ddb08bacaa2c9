import { changeDisc } from '../change-disc.ts';
import type { RunOf } from './index.ts';

/** `xl cd-insert DOMAIN DRIVE FILE`. */
export const run: RunOf<'cd-insert'> = (context, { options, words }) => {
  const [domain, drive, file] = words as [string, string, string];
  return changeDisc(context, options, { domain, drive, file });
};
