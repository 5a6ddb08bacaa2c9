import { usageError } from '../usage.ts';
import { createOverlay } from '../../lib/host/dscow/create.ts';
import type { RunOf } from './index.ts';

/** `dscow_tool -c COW BASE` of dm-userspace (2006): `xl dscow create`. */
export const run: RunOf<'dscow_tool'> = async ({ terminal }, { options, words: [cow = '', base = ''] }) => {
  if (!options.create) {
    throw usageError('dscow-tool', 'of dscow_tool only -c is known.', {
      hint: 'xl dscow info FILE says what dscow_tool would have; xl help lists the others',
    });
  }
  await createOverlay(cow, base);
  terminal.err(`made ${cow}; today this is: xl dscow create ${cow} ${base}\n`);
  return 0;
};
