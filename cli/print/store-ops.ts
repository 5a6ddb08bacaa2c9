import { unreachable } from '../../lib/base/error.ts';
import type { Text } from '../../lib/base/text.ts';
import type { StoreAction, StoreOp } from '../../lib/plan/step.ts';

type Show = (text: Text) => string;

/**
 * Changes to xenstore for people. Nodes of one directory stand below its path, each with its name only; permissions are
 * said where they are set, and not again for a child that has its directory's.
 */
export function storeLines({ transaction, ops }: StoreAction, show: Show): string[] {
  const lines = gather(ops, show).flatMap((group) => groupLines(group, show));
  return transaction && ops.length > 1 ? ['in one transaction', ...lines] : lines;
}

/** Writes that follow each other in one directory. */
interface Group {
  readonly directory: string;
  /** The directory itself is removed, or made, just before. */
  emptied: boolean;
  perms: string | null;
  readonly writes: Write[];
}
type Write = Extract<StoreOp, { op: 'write' }>;
type OtherOp = Exclude<StoreOp, Write>;

function gather(ops: readonly StoreOp[], show: Show): (Group | OtherOp)[] {
  const groups: (Group | OtherOp)[] = [];
  const groupOf = (directory: string): Group => {
    const last = groups.at(-1);
    if (last !== undefined && isGroup(last) && last.directory === directory) return last;
    const group: Group = { directory, emptied: false, perms: null, writes: [] };
    groups.push(group);
    return group;
  };
  for (const [index, op] of ops.entries()) {
    if (op.op === 'write') groupOf(parentOf(show(op.path))).writes.push(op);
    else if (op.op === 'mkdir') groupOf(show(op.path)).perms = permissions(op.perms, show);
    else if (op.op === 'rm' && isRefilled(show(op.path), ops[index + 1], show)) groupOf(show(op.path)).emptied = true;
    else groups.push(op);
  }
  return groups;
}

const isGroup = (entry: Group | OtherOp): entry is Group => 'writes' in entry;

/** Whether the next change makes a removed directory anew. */
function isRefilled(path: string, next: StoreOp | undefined, show: Show): boolean {
  if (next?.op === 'mkdir') return show(next.path) === path;
  return next?.op === 'write' && parentOf(show(next.path)) === path;
}

function groupLines(group: Group | OtherOp, show: Show): string[] {
  if (!isGroup(group)) return [opText(group, show)];
  const { directory, emptied, perms, writes } = group;
  const said = perms === null ? '' : `  (${perms})`;
  const [only] = writes;
  if (writes.length === 1 && only !== undefined && said === '' && !emptied)
    return [writeText(only, show(only.path), null, show)];
  return [
    `${directory}/${said}${emptied ? '  made anew' : ''}`,
    ...writes.map((op) => `  ${writeText(op, show(op.path).slice(directory.length + 1), perms, show)}`),
  ];
}

function writeText(op: Write, name: string, directoryPerms: string | null, show: Show): string {
  const perms = permissions(op.perms, show);
  return `${name} = "${show(op.value)}"${perms === null || perms === directoryPerms ? '' : `  (${perms})`}`;
}

function opText(op: OtherOp, show: Show): string {
  switch (op.op) {
    case 'mkdir':
      return `${show(op.path)}/`;
    case 'rm':
      return `remove ${show(op.path)}`;
    case 'prune':
      return `remove ${show(op.path)} and the parents that this leaves empty`;
    case 'require-absent':
      return `only if there is no ${show(op.path)}`;
    case 'require-unused-name':
      return `only if no other domain is called "${show(op.name)}"`;
    case 'write-if-present':
      return `${show(op.path)} = "${show(op.value)}" if it is there`;
    case 'replace':
      return `${show(op.path)} = "${show(op.to)}" if it is "${show(op.from)}"`;
    case 'introduce':
      return `introduce domain ${show(op.domid)}: its ring is frame ${show(op.gfn)}, its event channel ${show(op.port)}`;
    case 'release':
      return `release domain ${show(op.domid)}`;
    default:
      return unreachable(op);
  }
}

const permissions = (perms: readonly Text[] | undefined, show: Show): string | null =>
  perms === undefined ? null : perms.map(show).join(',');
const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
