import { unreachable } from '../../base/error.ts';
import { changedText } from '../../libxl-json/change.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { FilledActionOf } from '../fill.ts';

type FilledFile = FilledActionOf<'file'>;

/** Writes, makes, changes or removes a file, under its lock where it has one. */
export async function performFile(action: FilledFile, context: ActionContext): Promise<ActionResult> {
  const release = await lockOf(action, context);
  try {
    await performLocked(action, context);
  } finally {
    await release();
  }
  return {};
}

async function lockOf(action: FilledFile, { ports, signal }: ActionContext): Promise<() => Promise<void>> {
  if (!('lock' in action)) return () => Promise.resolve();
  const { path, timeoutMs } = action.lock;
  return ports.files.lock(path, { timeoutMs, signal });
}

async function performLocked(action: FilledFile, context: ActionContext): Promise<void> {
  const { files } = context.ports;
  switch (action.op) {
    case 'write':
      await context.acting();
      return files.write(action.path, action.content, action.mode);
    case 'mkdir':
      await context.acting();
      return files.mkdir(action.path, action.mode);
    case 'remove':
      await context.acting();
      return files.remove(action.path);
    case 'change-kept': {
      const text = await files.read(action.path);
      if (text === null) return;
      const after = changedText(text, action.change);
      await context.acting();
      return files.write(action.path, after, 0o600);
    }
    default:
      return unreachable(action);
  }
}
