import { encodeStrings, MessageType, PAYLOAD_MAX, wireStrings, wireText } from '../codec.ts';
import type { MessageName } from '../codec.ts';
import { domainPath, RELATIVE_PATH_MAX, resolvePath, isNodePath } from '../path.ts';
import { formatPermission, parsePermissions } from '../perms.ts';
import type { StoreConnection } from './connection.ts';
import type { StoreServerCore } from './core.ts';
import { demand, makeDirectory, refuse, remove, setPermissions, storedPermissions, write } from './nodes.ts';
import type { Context } from './nodes.ts';
import { Right } from './rights.ts';
import type { StoreNode } from './tree.ts';
import { hiddenBy } from './watches.ts';

/** One request as a handler sees it. */
export interface Asked {
  readonly core: StoreServerCore;
  readonly connection: StoreConnection;
  /** The nodes as the request's transaction sees them. */
  readonly context: Context;
  readonly transactionId: number;
  readonly payload: Buffer;
  /** Has an action done after the reply is on its way. */
  readonly later: (action: () => void) => void;
}

/** How a request is served: the reply's payload comes out, or a refusal is thrown. */
export interface Handler {
  /** Only domain 0 may ask. */
  readonly privileged?: true;
  /** The tx_id is not looked at. */
  readonly anyTransaction?: true;
  readonly serve: (asked: Asked) => Buffer;
}

const OK = encodeStrings(['OK']);

/** A handler that has nothing to tell but that it is done. */
const done =
  (act: (asked: Asked) => void): Handler['serve'] =>
  (asked) => {
    act(asked);
    return OK;
  };

/** The requests that a store of Xen 4.17 serves, as C xenstored does (docs/misc/xenstore.txt). */
export const handlers: Readonly<Partial<Record<MessageName, Handler>>> = {
  READ: { serve: (asked) => readable(asked).value },
  DIRECTORY: { serve: (asked) => encodeStrings(readable(asked).children) },
  DIRECTORY_PART: { serve: directoryPart },
  GET_PERMS: { serve: (asked) => encodeStrings(readable(asked).permissions.map(formatPermission)) },
  WRITE: { serve: done(writeValue) },
  MKDIR: { serve: done((asked) => makeDirectory(asked.context, onlyPath(asked, 'EINVAL'))) },
  RM: { serve: done((asked) => remove(asked.context, onlyPath(asked, 'EINVAL'))) },
  SET_PERMS: { serve: done(setPerms) },
  WATCH: { anyTransaction: true, serve: done(watch) },
  UNWATCH: { anyTransaction: true, serve: done(unwatch) },
  RESET_WATCHES: { serve: done(({ connection }) => connection.reset()) },
  TRANSACTION_START: { serve: startTransaction },
  TRANSACTION_END: { serve: done(endTransaction) },
  INTRODUCE: { privileged: true, serve: done(introduce) },
  RELEASE: { privileged: true, serve: done((asked) => asked.core.release(introducedDomain(asked))) },
  RESUME: { privileged: true, serve: done((asked) => asked.core.resume(introducedDomain(asked))) },
  SET_TARGET: { privileged: true, serve: done(setTarget) },
  GET_DOMAIN_PATH: { serve: (asked) => encodeStrings([domainPath(domidIn(onlyString(asked, 'EINVAL')))]) },
  IS_DOMAIN_INTRODUCED: { privileged: true, serve: isDomainIntroduced },
  CONTROL: { privileged: true, serve: control },
};

/** The request's handler by its type on the wire; undefined for what is not served (ENOSYS). */
export const handlerOf: ReadonlyMap<number, Handler> = new Map(
  Object.entries(handlers).map(([name, handler]) => [MessageType[name as MessageName], handler]),
);

const readable = (asked: Asked): StoreNode => demand(asked.context, onlyPath(asked, 'ENOENT'), Right.READ);

function writeValue(asked: Asked): void {
  const nul = asked.payload.indexOf(0);
  if (nul < 0) refuse('EINVAL', 'WRITE');
  const path = pathOf(asked, wireText(asked.payload.subarray(0, nul)));
  // A copy: the payload may be a piece of a much larger buffer.
  write(asked.context, path, Buffer.from(asked.payload.subarray(nul + 1)));
}

function unwatch(asked: Asked): void {
  const [path, token] = twoStrings(asked);
  if (!asked.core.watches.remove(asked.connection, pathOf(asked, path), token)) refuse('ENOENT', 'UNWATCH');
}

function startTransaction({ connection, transactionId }: Asked): Buffer {
  if (transactionId !== 0) refuse('EBUSY', 'TRANSACTION_START');
  return encodeStrings([String(connection.startTransaction())]);
}

function endTransaction(asked: Asked): void {
  const how = onlyString(asked, 'EINVAL');
  if (how !== 'T' && how !== 'F') refuse('EINVAL', 'TRANSACTION_END');
  if (asked.transactionId === 0) refuse('ENOENT', 'TRANSACTION_END');
  asked.connection.endTransaction(asked.transactionId, how === 'T');
}

function introduce(asked: Asked): void {
  const [domid, gfn, port] = wireStrings(asked.payload);
  if (domid === undefined || gfn === undefined || port === undefined) refuse('EINVAL', 'INTRODUCE');
  if (numberIn(port) <= 0) refuse('EINVAL', 'INTRODUCE');
  asked.core.introduce(domidIn(domid));
}

function setTarget(asked: Asked): void {
  const [domid, target] = wireStrings(asked.payload);
  if (domid === undefined || target === undefined) refuse('EINVAL', 'SET_TARGET');
  asked.core.setTarget(domidIn(domid), domidIn(target));
}

function isDomainIntroduced(asked: Asked): Buffer {
  const domid = domidIn(onlyString(asked, 'EINVAL'));
  return encodeStrings([domid === DOMID_SELF || asked.core.isIntroduced(domid) ? 'T' : 'F']);
}

/** `DOMID_SELF` of xen/include/public/xen.h. */
const DOMID_SELF = 0x7ff0;

function directoryPart(asked: Asked): Buffer {
  const strings = wireStrings(asked.payload);
  if (strings.length !== 2) refuse('EINVAL', 'DIRECTORY_PART');
  const node = demand(asked.context, pathOf(asked, strings[0]!), Right.READ);
  const offset = numberIn(strings[1]!);
  const names = encodeStrings(node.children);
  const generation = encodeStrings([String(node.generation)]);
  if (offset < 0 || offset >= names.length) return Buffer.concat([generation, Buffer.of(0)]);
  const room = PAYLOAD_MAX - generation.length - 1;
  const rest = names.subarray(offset);
  if (rest.length <= room) return Buffer.concat([generation, rest, Buffer.of(0)]);
  const whole = rest.subarray(0, room).lastIndexOf(0) + 1;
  return Buffer.concat([generation, rest.subarray(0, whole)]);
}

function setPerms(asked: Asked): void {
  const [path, ...texts] = wireStrings(asked.payload);
  const permissions = parsePermissions(texts);
  if (path === undefined || permissions === null) refuse('EINVAL', 'SET_PERMS');
  const stored = storedPermissions(asked.context, permissions);
  if (path.startsWith('@')) asked.core.setSpecialPermissions(asked.context.caller, path, stored);
  else setPermissions(asked.context, pathOf(asked, path), stored);
}

function watch(asked: Asked): void {
  const [wanted, token] = twoStrings(asked);
  const path = pathOf(asked, wanted);
  if (wanted.startsWith('@') ? wanted.length > RELATIVE_PATH_MAX : !isNodePath(path)) refuse('EINVAL', 'WATCH');
  const set = asked.connection.watch(path, token, hiddenBy(wanted, asked.connection.domid));
  asked.later(() => asked.connection.sendEvent(set, path));
}

const controlHelp = 'help\t\nprint\t<string>\nquota\t\n';

function control(asked: Asked): Buffer {
  const [command, ...args] = wireStrings(asked.payload);
  if (command === 'help' && args.length === 0) return encodeStrings([controlHelp]);
  if (command === 'print' && args.length === 1) return OK;
  if (command !== 'quota' || args.length > 0) refuse('EINVAL', 'CONTROL');
  const lines = Object.entries(asked.core.quota).map(([name, limit]) => `${name}: ${limit as number}\n`);
  return encodeStrings([lines.join('')]);
}

/** The payload's one string, with its nul and nothing after it. */
function onlyString(asked: Asked, otherwise: 'EINVAL' | 'ENOENT'): string {
  const { payload } = asked;
  return payload.length > 0 && payload.indexOf(0) === payload.length - 1
    ? wireText(payload.subarray(0, -1))
    : refuse(otherwise, 'a request without its one string');
}

const pathOf = (asked: Asked, path: string): string => resolvePath(path, asked.connection.domid);

const onlyPath = (asked: Asked, otherwise: 'EINVAL' | 'ENOENT'): string => pathOf(asked, onlyString(asked, otherwise));

function twoStrings(asked: Asked): [first: string, second: string] {
  const [first, second, ...more] = wireStrings(asked.payload);
  if (first === undefined || second === undefined || more.length > 0) refuse('EINVAL', 'a watch');
  return [first, second];
}

function introducedDomain(asked: Asked): number {
  const domid = domidIn(onlyString(asked, 'EINVAL'));
  if (domid === 0) refuse('EINVAL', 'domain 0');
  if (!asked.core.isIntroduced(domid)) refuse('ENOENT', `domain ${domid}`);
  return domid;
}

/** A number as C's atoi takes it: what digits there are in front, else 0. */
const numberIn = (text: string): number => Number(/^\s*([-+]?\d{1,15})/.exec(text)?.[1] ?? 0);

const domidIn = (text: string): number => numberIn(text) >>> 0;
