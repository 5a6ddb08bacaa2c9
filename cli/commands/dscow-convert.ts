import { convertFromQcow2, convertToQcow2, convertToRaw } from '../../lib/host/dscow/convert.ts';
import { sizeText } from '../print/bytes.ts';
import type { RunOf } from './index.ts';

/** `xl dscow convert FILE OUTPUT`. */
export const run: RunOf<'dscow convert'> = async (
  { terminal, global },
  { options, words: [file = '', output = ''] },
) => {
  const format = options['output-format'] ?? 'raw';
  const forceBase = options['force-base'];
  const convert = {
    raw: () => convertToRaw(file, output, { forceBase }),
    qcow2: () => convertToQcow2(file, output, { forceBase }),
    dscow: () => convertFromQcow2(file, output),
  };
  const bytes = await convert[format]();
  if (global.json) terminal.out(`${JSON.stringify({ file, output, format, bytes })}\n`);
  else terminal.err(`made ${output} with changes of ${sizeText(bytes)}\n`);
  return 0;
};
