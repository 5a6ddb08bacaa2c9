import { XlError } from '../base/error.ts';
import { wireStrings, wireText } from './codec.ts';
import type { MessageName } from './codec.ts';
import type { Request, RequestOptions } from './connection.ts';
import { isStoreFailure, storeFailure } from './failure.ts';
import { checkPath } from './path.ts';
import { formatPermission, parsePermissions } from './perms.ts';
import type { Permission } from './perms.ts';

/** Sends a request on whatever connection there is now. */
export type Ask = (request: Request, options?: RequestOptions) => Promise<Buffer>;

/** How often a long listing is begun anew because it changed in between, before that is an error. */
const LISTING_ATTEMPTS = 100;

/**
 * The nodes of a store, seen from one connection: outside transactions, or inside one. Every method refuses an illegal
 * path with `xenstore-bad-path` and a message over 4096 bytes with `xenstore-too-big` before anything is sent; a server's
 * refusal has the code of its name, `xenstore-enoent` and so on (docs/misc/xenstore.txt).
 */
export class XenstoreView {
  readonly #ask: Ask;
  readonly #transactionId: number;

  constructor(ask: Ask, transactionId: number) {
    this.#ask = ask;
    this.#transactionId = transactionId;
  }

  /** The node's value, as stored. */
  async read(path: string, options?: RequestOptions): Promise<Buffer> {
    return Buffer.from(await this.#path('READ', path, options));
  }

  /** The node's value as UTF-8 text. */
  async readText(path: string, options?: RequestOptions): Promise<string> {
    return (await this.#path('READ', path, options)).toString();
  }

  /** Names of the children, in the server's order, however many there are. */
  async directory(path: string, options?: RequestOptions): Promise<string[]> {
    try {
      return wireStrings(await this.#path('DIRECTORY', path, options));
    } catch (error) {
      if (isStoreFailure(error, 'E2BIG')) return this.#longDirectory(path, options);
      throw error;
    }
  }

  /** The permission list, the owner first. */
  async getPerms(path: string, options?: RequestOptions): Promise<Permission[]> {
    checkPath(path, true);
    const texts = wireStrings(await this.#send('GET_PERMS', `${path}\0`, undefined, options));
    const permissions = parsePermissions(texts);
    if (permissions !== null) return permissions;
    throw new XlError('xenstore-bad-message', `xenstore answered GET_PERMS ${path} with ${JSON.stringify(texts)}`);
  }

  /** Replaces the permission list; the first entry is the owner. `@introduceDomain` and `@releaseDomain` have one too. */
  async setPerms(path: string, permissions: readonly Permission[], options?: RequestOptions): Promise<void> {
    checkPath(path, true);
    if (permissions.length === 0) throw new TypeError('a permission list needs an owner');
    const list = permissions.map((permission) => `${formatPermission(permission)}\0`).join('');
    await this.#send('SET_PERMS', `${path}\0${list}`, undefined, options);
  }

  /** Sets the node's value, and makes the node and those above it where they are missing. Text is sent as UTF-8. */
  async write(path: string, value: string | Uint8Array, options?: RequestOptions): Promise<void> {
    checkPath(path);
    if (typeof value === 'string') await this.#send('WRITE', `${path}\0${value}`, undefined, options);
    else await this.#send('WRITE', `${path}\0`, value, options);
  }

  /** Makes the node, and those above it, with empty values; an existing one stays as it is. */
  async mkdir(path: string, options?: RequestOptions): Promise<void> {
    await this.#path('MKDIR', path, options);
  }

  /** Removes the node and all below it. A missing one is fine if its parent exists, else `xenstore-enoent`. */
  async rm(path: string, options?: RequestOptions): Promise<void> {
    await this.#path('RM', path, options);
  }

  async #path(name: MessageName, path: string, options: RequestOptions | undefined): Promise<Buffer> {
    checkPath(path);
    return this.#send(name, `${path}\0`, undefined, options);
  }

  #send(name: MessageName, text: string, bytes: Uint8Array | undefined, options?: RequestOptions): Promise<Buffer> {
    return this.#ask({ name, transactionId: this.#transactionId, text, bytes }, options);
  }

  /** C xenstored gives a listing over 4096 bytes in parts, each with the node's generation: if that changes, anew. */
  async #longDirectory(path: string, options?: RequestOptions): Promise<string[]> {
    for (let attempt = 0; attempt < LISTING_ATTEMPTS; attempt++) {
      const names = await this.#directoryParts(path, options);
      if (names !== null) return names;
    }
    throw storeFailure('EAGAIN', `DIRECTORY ${path}`);
  }

  async #directoryParts(path: string, options?: RequestOptions): Promise<string[] | null> {
    const names: string[] = [];
    let generation: string | undefined;
    for (let offset = 0; ;) {
      const text = wireText(await this.#send('DIRECTORY_PART', `${path}\0${offset}\0`, undefined, options));
      const [current, ...children] = text.split('\0').slice(0, -1);
      if (current === undefined) {
        throw new XlError('xenstore-bad-message', `xenstore answered DIRECTORY_PART ${path} without a generation`);
      }
      if (generation !== undefined && generation !== current) return null;
      generation = current;
      const last = children.at(-1) === '' || children.length === 0;
      if (children.at(-1) === '') children.pop();
      names.push(...children);
      if (last) return names;
      offset += children.reduce((bytes, name) => bytes + name.length + 1, 0);
    }
  }
}
