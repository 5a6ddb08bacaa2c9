import { changeDisc } from '../change-disc.ts';
import type { RunOf } from './index.ts';

/** `xl cd-eject DOMAIN DRIVE`. */
export const run: RunOf<'cd-eject'> = (context, { options, words }) => {
  const [domain, drive] = words as [string, string];
  return changeDisc(context, options, { domain, drive, file: null });
};
