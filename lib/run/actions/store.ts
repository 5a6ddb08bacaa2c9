import { unreachable, XlError } from '../../base/error.ts';
import type { Refusal, StoreOp } from '../../base/store-op.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import type { Filled, FilledActionOf } from '../fill.ts';
import type { Store, StoreView } from '../ports.ts';

type FilledOp = Filled<StoreOp>;

/** Changes the store: all in one transaction, or each op on its own. Nothing is found out. */
export async function performStore(action: FilledActionOf<'store'>, context: ActionContext): Promise<ActionResult> {
  const { store } = context.ports;
  if (action.transaction) {
    await store.transaction(
      async (view) => {
        // The body runs again after EAGAIN: the attempt before it has left nothing.
        context.untouched();
        await applyAll(action.ops, view);
        // Only a commit changes anything, so a refused condition never undoes what another toolstack has made.
        await context.acting();
      },
      { signal: context.signal },
    );
    return {};
  }
  for (const op of action.ops) {
    context.signal.throwIfAborted();
    if (!isCondition(op)) await context.acting();
    await applyAlone(op, store);
  }
  return {};
}

const isCondition = (op: FilledOp): boolean => op.op === 'require-absent' || op.op === 'require-unused-name';

function applyAlone(op: FilledOp, store: Store): Promise<void> {
  if (op.op === 'introduce') return store.introduce(Number(op.domid), BigInt(op.gfn), Number(op.port));
  if (op.op === 'release') return store.release(Number(op.domid));
  return applyTo(op, store);
}

/**
 * Plain changes are sent without waiting for each other's answers, which come in the order of asking; what looks before
 * it acts waits for all before it. A disk is seventy requests: sent so, they take the time of one.
 */
async function applyAll(ops: readonly FilledOp[], view: StoreView): Promise<void> {
  const sent: Promise<void>[] = [];
  for (const op of ops) {
    if (isPlain(op)) sent.push(applyTo(op, view));
    else {
      await Promise.all(sent.splice(0));
      await applyTo(op, view);
    }
  }
  await Promise.all(sent);
}

const isPlain = ({ op }: FilledOp): boolean => op === 'write' || op === 'mkdir' || op === 'rm';

async function applyTo(op: FilledOp, view: StoreView): Promise<void> {
  switch (op.op) {
    case 'write':
      await Promise.all([view.write(op.path, op.value), setPerms(op, view)]);
      return;
    case 'mkdir':
      await Promise.all([view.mkdir(op.path), setPerms(op, view)]);
      return;
    case 'rm':
      return view.rm(op.path);
    case 'prune':
      return prune(op.path, view);
    case 'require-absent':
      if ((await view.read(op.path)) !== null) throw refused(op.error);
      return;
    case 'require-unused-name':
      return requireUnusedName(op.name, op.domid, op.error, view);
    case 'write-if-present':
      if ((await view.read(op.path)) !== null) await view.write(op.path, op.value);
      return;
    case 'replace':
      if ((await view.read(op.path)) === op.from) await view.write(op.path, op.to);
      return;
    case 'introduce':
    case 'release':
      throw new TypeError(`${op.op} cannot be part of a transaction`);
    default:
      return unreachable(op);
  }
}

async function setPerms({ path, perms }: Extract<FilledOp, { op: 'write' | 'mkdir' }>, view: StoreView): Promise<void> {
  if (perms !== undefined) await view.setPerms(path, perms);
}

/** Removes a subtree, then upward every directory left without value and children (`libxl__xs_path_cleanup`). */
async function prune(path: string, view: StoreView): Promise<void> {
  await view.rm(path);
  for (let parent = parentOf(path); parent !== null; parent = parentOf(parent)) {
    if ((await view.read(parent)) !== '') return;
    const children = await view.directory(parent);
    if (children === null || children.length > 0) return;
    await view.rm(parent);
  }
}

/** The directory above, or null where only the root is. */
function parentOf(path: string): string | null {
  const slash = path.lastIndexOf('/');
  return slash > 0 ? path.slice(0, slash) : null;
}

/** All names are asked for before the first answer is looked at: one round trip, however many domains there are. */
async function requireUnusedName(name: string, domid: string, error: Refusal, view: StoreView): Promise<void> {
  const others = ((await view.directory('/local/domain')) ?? []).filter((other) => other !== domid);
  const names = await Promise.all(others.map((other) => view.read(`/local/domain/${other}/name`)));
  if (names.includes(name)) throw refused(error);
}

const refused = (error: Filled<Refusal>): XlError => new XlError(error.code, error.message, { hint: error.hint });
