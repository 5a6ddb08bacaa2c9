import { checkOverlay, inspectOverlay } from '../../lib/host/dscow/inspect.ts';
import type { RunOf } from './index.ts';

/** `xl dscow check FILE`; exit status 1 where something is wrong. */
export const run: RunOf<'dscow check'> = async ({ terminal, global }, { words: [file = ''] }) => {
  const info = await inspectOverlay(file);
  const problems = await checkOverlay(info);
  if (global.json) terminal.out(`${JSON.stringify({ file, sound: problems.length === 0, problems }, null, 2)}\n`);
  else if (problems.length === 0) terminal.out(`${file} and its base are sound\n`);
  else terminal.out(problems.map((problem) => `${file}: ${problem}\n`).join(''));
  return problems.length === 0 ? 0 : 1;
};
