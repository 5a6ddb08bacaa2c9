import { mapOverlay } from '../../lib/host/dscow/inspect.ts';
import type { RunOf } from './index.ts';

/** `xl dscow map FILE`: a line a stretch, as it is found: an overlay may have very many. */
export const run: RunOf<'dscow map'> = async ({ terminal, global }, { words: [file = ''] }) => {
  let first = true;
  const lead = (begin: string, next: string) => {
    const text = first ? begin : next;
    first = false;
    return text;
  };
  if (!global.json) terminal.out(`${'Offset'.padStart(16)}  ${'Length'.padStart(16)}  From\n`);
  for await (const { offset, length, changed } of mapOverlay(file)) {
    const from = changed ? 'overlay' : 'base';
    if (global.json) terminal.out(lead('[\n  ', ',\n  ') + JSON.stringify({ offset, length, from }));
    else terminal.out(`${String(offset).padStart(16)}  ${String(length).padStart(16)}  ${from}\n`);
  }
  if (global.json) terminal.out('\n]\n');
  return 0;
};
