import { createOverlay } from '../../lib/host/dscow/create.ts';
import { blockBitsOf } from '../dscow.ts';
import { overlayData } from '../print/dscow.ts';
import { sizeText } from '../print/bytes.ts';
import type { RunOf } from './index.ts';

/** `xl dscow create FILE BASE`. */
export const run: RunOf<'dscow create'> = async ({ terminal, global }, { options, words: [file = '', base = ''] }) => {
  const blockBits = blockBitsOf(options['block-size']);
  const header = await createOverlay(file, base, blockBits === undefined ? {} : { blockBits });
  if (global.json) terminal.out(`${JSON.stringify(overlayData(file, header), null, 2)}\n`);
  else terminal.err(`made ${file}: a disk of ${sizeText(header.virtualSize)}, over ${header.base.path}\n`);
  return 0;
};
