/** A domain's nodes: by path what `xenstore-ls -f -p` shows of each, its value and its permissions. */
export type Tree = Readonly<Record<string, string>>;

/** What only one domain has. */
export interface Identity {
  readonly domid: number;
  readonly uuid: string;
}

/**
 * Nodes whose values are drawn anew for each domain: event channels, frames, addresses, times, terminals, processes, loop
 * devices. Of them only is compared that they are there, and for whom.
 */
export const DRAWN: readonly string[] = [
  'port',
  'ring-ref',
  'start_time',
  'tty',
  'device-model-pid',
  'physical-device',
  'physical-device-path',
  'node',
];

/** Nodes whose value is a domain's number. */
const NUMBERS = /\/(domid|frontend-id)$/;

/** A domain's places in the store, its number written D and its uuid U. */
const PLACES = /^\/(local\/domain\/D|local\/domain\/0\/(backend\/[^/]+|device-model)\/D|libxl\/D|vm\/U)(\/|$)/;

/** The nodes of one domain out of what `xenstore-ls -f -p` says, with D for its number and U for its uuid. */
export function treeOf(listing: string, { domid, uuid }: Identity): Tree {
  const number = `${domid}(?!\\d)`;
  const inPaths = new RegExp(`(?<=/local/domain/|/libxl/|/backend/[a-z0-9]+/|/device-model/|/vif)${number}`, 'g');
  const inPermissions = new RegExp(`(?<=[nrwb])${number}`, 'g');
  const general = (text: string): string => text.replaceAll(uuid, 'U').replaceAll(inPaths, 'D');
  const nodes = listing.split('\n').flatMap((line): [string, string][] => {
    const [, path = '', value = '', permissions = ''] = /^(\/\S*) = "(.*)" {3}\(([^()]*)\)$/.exec(line) ?? [];
    const place = general(path);
    if (!PLACES.test(place)) return [];
    const shown = DRAWN.includes(place.slice(place.lastIndexOf('/') + 1))
      ? '(drawn)'
      : NUMBERS.test(place) && value === String(domid)
        ? 'D'
        : general(value);
    return [[place, `"${shown}" (${permissions.replaceAll(inPermissions, 'D')})`]];
  });
  return Object.fromEntries(nodes.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** The leaves of a kept configuration as such a tree, with U for the uuid. */
export function leavesOf(kept: unknown, { uuid }: Pick<Identity, 'uuid'>, path = ''): Tree {
  if (typeof kept !== 'object' || kept === null) {
    return { [path]: JSON.stringify(kept).replaceAll(uuid, 'U') };
  }
  const children = Object.entries(kept);
  if (children.length === 0) return { [path]: Array.isArray(kept) ? '[]' : '{}' };
  return Object.assign({}, ...children.map(([name, child]) => leavesOf(child, { uuid }, `${path}/${name}`))) as Tree;
}

/** A place where two trees differ; null where one has nothing there. */
export interface Difference {
  readonly path: string;
  readonly stock: string | null;
  readonly ours: string | null;
}

/** Where stock xl's tree and ours differ, by path. */
export function differences(stock: Tree, ours: Tree): Difference[] {
  return [...new Set([...Object.keys(stock), ...Object.keys(ours)])]
    .toSorted()
    .map((path) => ({ path, stock: stock[path] ?? null, ours: ours[path] ?? null }))
    .filter((place) => place.stock !== place.ours);
}
