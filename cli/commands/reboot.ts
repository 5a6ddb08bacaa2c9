import { endDomains } from '../ending.ts';
import type { RunOf } from './index.ts';

/** `xl reboot [-a] [-w|-ww] [-F] DOMAIN`. */
export const run: RunOf<'reboot'> = (context, given) => endDomains('reboot', context, given);
