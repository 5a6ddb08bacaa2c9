import { unreachable } from '../base/error.ts';
import type { KeyValues } from '../config/keys.ts';

/** What is done with a domain whose guest has ended. */
export type Reaction = 'destroy' | 'restart' | 'rename-restart' | 'preserve';

/** What an end means: the action as the configuration names it, what is done, and why that is something else. */
export interface Response {
  readonly action: string;
  readonly reaction: Reaction;
  readonly remark?: string;
}

type Endings = Pick<KeyValues, 'on_poweroff' | 'on_reboot' | 'on_crash' | 'on_watchdog' | 'on_soft_reset'>;
type Action = NonNullable<Endings[keyof Endings]>;

/** SHUTDOWN_suspend of sched.h: the guest waits to be saved or resumed; that is no end. */
export const SUSPENDED = 2;

/** What to do where a guest has ended for this reason (SHUTDOWN_* of sched.h), with xl's defaults. */
export function responseTo(reason: number, endings: Endings): Response {
  switch (reason) {
    case 0:
      return respond(endings.on_poweroff ?? 'destroy');
    case 1:
      return respond(endings.on_reboot ?? 'restart');
    case 3:
      return respond(endings.on_crash ?? 'destroy');
    case 4:
      return respond(endings.on_watchdog ?? 'destroy');
    case 5:
      return respond(endings.on_soft_reset ?? 'soft-reset');
    default:
      return {
        action: 'destroy',
        reaction: 'destroy',
        remark: `Unknown shutdown reason code ${reason}. Destroying domain.`,
      };
  }
}

function respond(action: Action): Response {
  switch (action) {
    case 'coredump-destroy':
      return { action, reaction: 'destroy', remark: NO_CORE };
    case 'coredump-restart':
      return { action, reaction: 'restart', remark: NO_CORE };
    case 'soft-reset':
      return { action, reaction: 'restart', remark: 'A soft reset is not supported: the domain is made anew.' };
    case 'destroy':
    case 'restart':
    case 'rename-restart':
    case 'preserve':
      return { action, reaction: action };
    default:
      return unreachable(action);
  }
}

/** What the log says, and `create` before. */
export const NO_CORE = 'No core is dumped: xl-ts does not write cores.';

/** The endings of a configuration that ask for a core, as `on_crash="coredump-destroy"`. */
export function coresAskedFor(keys: Endings): string[] {
  const names = ['on_poweroff', 'on_reboot', 'on_crash', 'on_watchdog', 'on_soft_reset'] as const;
  return names.filter((name) => keys[name]?.startsWith('coredump-')).map((name) => `${name}="${keys[name]}"`);
}
