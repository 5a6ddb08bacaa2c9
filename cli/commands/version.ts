import { VERSION } from '../version.ts';
import type { RunOf } from './index.ts';

/** `xl version`. */
export const run: RunOf<'version'> = ({ terminal, global }) => {
  terminal.out(global.json ? `${JSON.stringify({ version: VERSION, node: process.version })}\n` : `xl-ts ${VERSION}\n`);
  return 0;
};
