import { show, type Bindings, type Text } from '../../lib/base/text.ts';
import type { Plan, StoreOp } from '../../lib/plan/step.ts';

/**
 * What a plan leaves in xenstore, as `xenstore-ls -f -p` would print it, in the order of writing: path, value, and the
 * permissions in force, inherited ones too. Directories that come into being on the way to a node are there as well,
 * below the first that the plan makes itself: those above it are the host's. Holes show as `${name}`.
 */
export function xenstoreLines(plan: Plan): string[] {
  const nodes = new Map<string, Node>();
  for (const { action } of plan.steps) {
    if (action.kind === 'store') for (const op of action.ops) apply(op, nodes, plan.bindings);
  }
  return [...nodes]
    .filter(([, node]) => node.ours)
    .map(([path, { value, perms }]) => `${path} = "${escapeValue(value)}"   (${perms.join(',')})`);
}

interface Node {
  value: string;
  perms: readonly string[];
  /** Made by the plan, or below such a node. */
  ours: boolean;
}

/** The root belongs to domain 0 and nobody else reads it; what a plan writes below inherits from there. */
const ROOT = { perms: ['n0'], ours: false } as const;

function apply(op: StoreOp, nodes: Map<string, Node>, bindings: Bindings): void {
  const text = (value: Text) => show(value, bindings);
  switch (op.op) {
    case 'write':
    case 'mkdir': {
      const node = touch(text(op.path), nodes);
      node.ours = true;
      if (op.op === 'write') node.value = text(op.value);
      if (op.perms !== undefined) node.perms = op.perms.map(text);
      return;
    }
    case 'write-if-present':
    case 'replace': {
      const node = nodes.get(text(op.path));
      if (node === undefined) return;
      if (op.op === 'write-if-present') node.value = text(op.value);
      else if (node.value === op.from) node.value = op.to;
      return;
    }
    case 'rm':
    case 'prune':
      remove(text(op.path), nodes);
      return;
    case 'require-absent':
    case 'require-unused-name':
    case 'introduce':
    case 'release':
      return;
  }
}

/** The node at a path; it and its missing parents are made, each with the permissions of the one above. */
function touch(path: string, nodes: Map<string, Node>): Node {
  const present = nodes.get(path);
  if (present !== undefined) return present;
  const slash = path.lastIndexOf('/');
  const parent = slash > 0 ? touch(path.slice(0, slash), nodes) : ROOT;
  const node: Node = { value: '', perms: parent.perms, ours: parent.ours };
  nodes.set(path, node);
  return node;
}

function remove(path: string, nodes: Map<string, Node>): void {
  for (const known of nodes.keys()) if (known === path || known.startsWith(`${path}/`)) nodes.delete(known);
}

/** xenstore-ls escapes bytes, not characters (tools/xs-utils: sanitise_value), and no quotation marks. */
export function escapeValue(value: string): string {
  return [...Buffer.from(value)].map(escapeByte).join('');
}

const NAMED: Readonly<Record<number, string>> = { 0x09: '\\t', 0x0a: '\\n', 0x0d: '\\r', 0x5c: '\\\\' };

function escapeByte(byte: number): string {
  if (NAMED[byte] !== undefined) return NAMED[byte];
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return byte < 8 ? `\\${byte.toString(8).padStart(3, '0')}` : `\\x${byte.toString(16).padStart(2, '0')}`;
}
