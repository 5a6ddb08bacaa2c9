import { resetOverlay } from '../../lib/host/dscow/change.ts';
import type { RunOf } from './index.ts';

/** `xl dscow reset FILE`. */
export const run: RunOf<'dscow reset'> = async ({ terminal, global }, { options, words: [file = ''] }) => {
  await resetOverlay(file, { forceBase: options['force-base'] });
  if (global.json) terminal.out(`${JSON.stringify({ file, changedBlocks: 0 })}\n`);
  else terminal.err(`${file} has no changes any more\n`);
  return 0;
};
