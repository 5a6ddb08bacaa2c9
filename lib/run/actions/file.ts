import { unreachable } from '../../base/error.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledActionOf } from '../fill.ts';

/** Writes, makes or removes a file. */
export async function performFile(action: FilledActionOf<'file'>, context: ActionContext): Promise<ActionResult> {
  const { files } = context.ports;
  await context.acting();
  switch (action.op) {
    case 'write':
      await files.write(action.path, action.content, action.mode);
      break;
    case 'mkdir':
      await files.mkdir(action.path, action.mode);
      break;
    case 'remove':
      await files.remove(action.path);
      break;
    default:
      unreachable(action);
  }
  return {};
}
