import { parse } from '../../grammar/generated/disk.js';

/** `xl` is exactly what Xen 4.23's libxlutil accepts and refuses; `extended` also takes what helps people. */
export type Dialect = 'xl' | 'extended';

/** A piece of a specification's text, and the offset of its first character. */
export interface Piece {
  readonly text: string;
  readonly start: number;
}

/** The stretch of text that a parameter takes, its comma included. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** One parameter, by its shape alone. */
export type DiskNode = Stretch &
  (
    | { readonly kind: 'keyword'; readonly key: Keyword; readonly value: Piece }
    | { readonly kind: 'flag'; readonly word: Flag }
    | { readonly kind: 'prefix'; readonly word: PrefixWord }
    /** dm-userspace's `dmu:PLUGIN:COW:BASE`; null for what is missing at the end. */
    | { readonly kind: 'dmu'; readonly plugin: string; readonly cow: string | null; readonly base: string | null }
    | { readonly kind: 'positional'; readonly value: Piece }
    | { readonly kind: 'unknown-parameter'; readonly key: string; readonly value: Piece }
    | { readonly kind: 'unknown-prefix'; readonly word: string }
    | { readonly kind: 'bad-syntax' }
    /** An \`=\` at the very end that belongs to nothing. */
    | { readonly kind: 'dangling-equals' }
  );

export type Keyword =
  | 'format'
  | 'devtype'
  | 'access'
  | 'backend'
  | 'backendtype'
  | 'specification'
  | 'vdev'
  | 'script'
  | 'target'
  | 'colo-host'
  | 'colo-port'
  | 'colo-export'
  | 'colo-params'
  | 'active-disk'
  | 'hidden-disk'
  | 'grant_usage';

export type Flag = 'cdrom' | 'direct-io-safe' | 'discard' | 'no-discard' | 'colo' | 'no-colo' | 'trusted' | 'untrusted';

export type PrefixWord =
  | 'raw'
  | 'qcow'
  | 'qcow2'
  | 'vhd'
  | 'iscsi'
  | 'nbd'
  | 'enbd'
  | 'drbd'
  | 'tapdisk'
  | 'tap'
  | 'tap2'
  | 'aio'
  | 'sync'
  | 'ioemu'
  | 'file'
  | 'phy';

/** The parameters of one word, in order. Any text has some reading: what is wrong with it is a node of its own. */
export const parseDiskWord = (word: string, dialect: Dialect): readonly DiskNode[] =>
  parse(word, { dialect }) as readonly DiskNode[];
