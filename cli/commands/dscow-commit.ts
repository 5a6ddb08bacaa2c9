import { commitOverlay } from '../../lib/host/dscow/change.ts';
import { convertToRaw } from '../../lib/host/dscow/convert.ts';
import { sizeText } from '../print/bytes.ts';
import type { RunOf } from './index.ts';

/** `xl dscow commit FILE [--into IMAGE]`. */
export const run: RunOf<'dscow commit'> = async ({ terminal, global }, { options, words: [file = ''] }) => {
  const forceBase = options['force-base'];
  const { into } = options;
  const bytes =
    into === undefined ? await commitOverlay(file, { forceBase }) : await convertToRaw(file, into, { forceBase });
  if (global.json) terminal.out(`${JSON.stringify({ file, into: into ?? null, bytes })}\n`);
  else terminal.err(`wrote changes of ${sizeText(bytes)} into ${into ?? 'the base'}\n`);
  return 0;
};
