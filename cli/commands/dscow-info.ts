import { inspectOverlay } from '../../lib/host/dscow/inspect.ts';
import { infoData, infoRows } from '../print/dscow.ts';
import { sectionLines } from '../print/sections.ts';
import type { RunOf } from './index.ts';

/** `xl dscow info FILE`. */
export const run: RunOf<'dscow info'> = async ({ terminal, global }, { words: [file = ''] }) => {
  const info = await inspectOverlay(file);
  if (global.json) terminal.out(`${JSON.stringify(infoData(info), null, 2)}\n`);
  else terminal.out(`${sectionLines([{ title: file, rows: infoRows(info) }], terminal.outStyle).join('\n')}\n`);
  return 0;
};
