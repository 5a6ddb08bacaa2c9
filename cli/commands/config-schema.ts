import { configSchema } from '../../lib/config/schema.ts';
import type { RunOf } from './index.ts';

/** `xl config schema`: every key of xl.cfg as a JSON Schema. */
export const run: RunOf<'config schema'> = ({ terminal }) => {
  terminal.out(`${JSON.stringify(configSchema(), null, 2)}\n`);
  return 0;
};
