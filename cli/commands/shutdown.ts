import { endDomains } from '../ending.ts';
import type { RunOf } from './index.ts';

/** `xl shutdown [-a] [-w|-ww] [-F] DOMAIN`. */
export const run: RunOf<'shutdown'> = (context, given) => endDomains('poweroff', context, given);
