import { unreachable } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledAction } from '../fill.ts';
import { performBlock } from './block.ts';
import { performFile } from './file.ts';
import { performHotplug } from './hotplug.ts';
import { performHypercall } from './hypercall.ts';
import { performKill } from './kill.ts';
import { performLock } from './lock.ts';
import { performQmp } from './qmp.ts';
import { performSpawn } from './spawn.ts';
import { performStore } from './store.ts';
import { performWait } from './wait.ts';

/** Does what an action says, through the ports; resolves to the fields that it found out. */
export function perform(action: FilledAction, context: ActionContext): Promise<ActionResult> {
  switch (action.kind) {
    case 'hypercall':
      return performHypercall(action, context);
    case 'store':
      return performStore(action, context);
    case 'spawn':
      return performSpawn(action, context);
    case 'kill':
      return performKill(action, context);
    case 'hotplug':
      return performHotplug(action, context);
    case 'block':
      return performBlock(action, context);
    case 'qmp':
      return performQmp(action, context);
    case 'wait':
      return performWait(action, context);
    case 'file':
      return performFile(action, context);
    case 'lock':
      return performLock(action, context);
    default:
      return unreachable(action);
  }
}

/** For what has no bound of its own: a store, a disk or a hypervisor that answers at all answers sooner. */
const ANSWER_MS = 60_000;
/** Filling a large guest's memory takes its time. */
const BUILD_MS = 600_000;
/** What the action's own bound leaves to those who keep it. */
const MARGIN_MS = 10_000;

/** The bound past which the executor gives an action up, whatever the port does; in milliseconds. */
export function boundOf(action: FilledAction): number {
  switch (action.kind) {
    case 'hypercall':
      return action.call.op === 'build' ? BUILD_MS : ANSWER_MS;
    case 'store':
    case 'file':
      return ANSWER_MS;
    case 'kill':
      return action.graceMs + MARGIN_MS;
    case 'spawn':
      return action.ready.timeoutMs + MARGIN_MS;
    case 'hotplug':
    case 'block':
    case 'qmp':
    case 'wait':
    case 'lock':
      return action.timeoutMs + MARGIN_MS;
    default:
      return unreachable(action);
  }
}
