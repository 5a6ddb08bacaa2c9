import { rebaseOverlay } from '../../lib/host/dscow/change.ts';
import type { RunOf } from './index.ts';

/** `xl dscow rebase FILE BASE`. */
export const run: RunOf<'dscow rebase'> = async (
  { terminal, global },
  { options, words: [file = '', newBase = ''] },
) => {
  const base = await rebaseOverlay(file, newBase, { force: options.force });
  if (global.json) terminal.out(`${JSON.stringify({ file, base: base.path })}\n`);
  else terminal.err(`${file} stands on ${base.path} now\n`);
  return 0;
};
