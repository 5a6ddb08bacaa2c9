import type { Disk, DiskFormat } from './disk.ts';
import type { Dialect, Flag, Keyword, Piece, Stretch } from './syntax.ts';

/**
 * A disk while its parameters are being read, in order. xl's positional parameters depend on what came before them, so
 * reading is a walk over one state; `block-attach` walks on through several words.
 */
export interface Draft {
  readonly dialect: Dialect;
  readonly disk: Mutable<Omit<Disk, 'format' | 'legacyPrefix'>> & { format: DiskFormat | 'unknown' };
  /** Whether a deprecated prefix was seen: from then on there is no positional format. */
  prefixed: boolean;
  /** The first prefix that chose a device class in xend's time. */
  legacyPrefix: string | null;
  /** Whether the positional access was given; `access=` does not count. */
  accessGiven: boolean;
  /** Whether the fifth field of xend's form, the ring protocol, was given. */
  protocolGiven: boolean;
  /** Set by the first error: what follows may be misread, so positional parameters are not read any more. */
  failed: boolean;
  /** Set where xl's scanner gives up. */
  stopped: boolean;
  readonly findings: Finding[];
  /** Where each field's value stands, for messages about it later. */
  readonly places: Map<keyof Disk, Place>;
  /** The word that is being read, from 0. */
  word: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A stretch of one of the words. */
export interface Place extends Stretch {
  readonly word: number;
}

/** A remark on a specification before its place in the user's file is known. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  /** The bare message; for an error, xl's own. */
  readonly message: string;
  /** The text that xl quotes after `near`. */
  readonly near: string | null;
  /** Null is the whole specification. */
  readonly place: Place | null;
  readonly hint: string;
}

export const newDraft = (dialect: Dialect): Draft => ({
  dialect,
  disk: {
    backendDomname: null,
    pdevPath: null,
    vdev: null,
    backend: 'unknown',
    format: 'unknown',
    script: null,
    removable: 0,
    readwrite: 1,
    isCdrom: 0,
    directIoSafe: false,
    discardEnable: null,
    specification: 'unknown',
    transport: 'unknown',
    grantUsage: null,
    trusted: null,
    coloEnable: null,
    coloRestoreEnable: null,
    coloHost: null,
    coloPort: 0,
    coloExport: null,
    activeDisk: null,
    hiddenDisk: null,
  },
  prefixed: false,
  legacyPrefix: null,
  accessGiven: false,
  protocolGiven: false,
  failed: false,
  stopped: false,
  findings: [],
  places: new Map(),
  word: 0,
});

/** Notes an error that xl gives too, in its words. */
export function refuse(
  draft: Draft,
  code: string,
  message: string,
  at: { readonly near: string; readonly place: Stretch },
  hint: string,
): void {
  const place = { ...at.place, word: draft.word };
  draft.failed = true;
  draft.findings.push({ severity: 'error', code, message, near: at.near, place, hint });
}

/** Notes that the extended dialect took what xl would not take, or not so. */
export function remark(draft: Draft, code: string, message: string, place: Stretch, hint: string): void {
  draft.findings.push({ severity: 'warning', code, message, near: null, place: { ...place, word: draft.word }, hint });
}

export const stretchOf = (piece: Piece): Stretch => ({ start: piece.start, end: piece.start + piece.text.length });

type StringField =
  'backendDomname' | 'pdevPath' | 'vdev' | 'script' | 'coloHost' | 'coloExport' | 'activeDisk' | 'hiddenDisk';

/** Sets a text that may be given once; what is set but empty may be given again, as in libxlutil. */
export function setString(draft: Draft, field: StringField, name: string, value: Piece): void {
  const before = draft.disk[field];
  if (before !== null && before !== '') {
    const hint = `it is ${quoted(before)} already; keep one of the two`;
    refuse(draft, 'disk-respecified', `${name} respecified`, { near: value.text, place: stretchOf(value) }, hint);
    return;
  }
  draft.disk[field] = value.text;
  draft.places.set(field, { ...stretchOf(value), word: draft.word });
}

interface Choice<Field extends 'format' | 'backend' | 'specification'> {
  readonly field: Field;
  /** How messages call the value; `backendtype=` is `backend` once it is said twice. */
  readonly name: string;
  readonly values: Readonly<Record<string, Draft['disk'][Field]>>;
}

const FORMAT: Choice<'format'> = {
  field: 'format',
  name: 'format',
  values: { '': 'raw', raw: 'raw', qcow: 'qcow', qcow2: 'qcow2', vhd: 'vhd', qed: 'qed', empty: 'empty' },
};
const BACKEND: Choice<'backend'> = {
  field: 'backend',
  name: 'backendtype',
  values: { phy: 'phy', tap: 'tap', qdisk: 'qdisk', standalone: 'standalone' },
};
const SPECIFICATION: Choice<'specification'> = {
  field: 'specification',
  name: 'specification',
  values: { xen: 'xen', virtio: 'virtio' },
};

function choose<Field extends 'format' | 'backend' | 'specification'>(
  draft: Draft,
  choice: Choice<Field>,
  value: Piece,
  hint: string,
): void {
  const at = { near: value.text, place: stretchOf(value) };
  if (!Object.hasOwn(choice.values, value.text)) {
    refuse(draft, 'disk-unknown-value', `unknown value for ${choice.name}`, at, hint);
    return;
  }
  const chosen = choice.values[value.text]!;
  const before = draft.disk[choice.field];
  if (before !== 'unknown' && before !== chosen) {
    refuse(draft, 'disk-respecified', `${choice.field} respecified`, at, `it is ${quoted(before)} already`);
    return;
  }
  draft.disk[choice.field] = chosen;
  draft.places.set(choice.field, { ...at.place, word: draft.word });
}

/** Sets the format; `hint` is for a value that is none. */
export const setFormat = (draft: Draft, value: Piece, hint = valuesHint(FORMAT)): void =>
  choose(draft, FORMAT, value, hint);

/** Sets the access, which may be said any number of times; the last one counts. */
export function setAccess(draft: Draft, value: Piece, hint = 'write r or ro, w or rw'): void {
  const place = stretchOf(value);
  if (value.text === 'w!' && draft.dialect === 'extended') {
    const advice = "write w; `w!` switched off xend's check that nobody else writes to the disk, and today it stays on";
    remark(draft, 'disk-access-forced', 'xl refuses the access `w!`', place, advice);
  } else if (!['', 'w', 'rw', 'r', 'ro'].includes(value.text)) {
    refuse(draft, 'disk-unknown-value', 'unknown value for access', { near: value.text, place }, hint);
    return;
  }
  draft.disk.readwrite = value.text.startsWith('r') && value.text !== 'rw' ? 0 : 1;
  draft.places.set('readwrite', { ...place, word: draft.word });
}

/** What each keyword does with its value; `whole` is the parameter with its comma. */
export const KEYWORDS: Readonly<
  Record<Exclude<Keyword, 'colo-params'>, (draft: Draft, value: Piece, whole: Piece) => void>
> = {
  format: (draft, value) => setFormat(draft, value),
  devtype: setDevtype,
  access: (draft, value) => setAccess(draft, value),
  backend: (draft, value) => setString(draft, 'backendDomname', 'backend', value),
  backendtype: (draft, value) => choose(draft, BACKEND, value, valuesHint(BACKEND)),
  specification: (draft, value) => choose(draft, SPECIFICATION, value, valuesHint(SPECIFICATION)),
  vdev: (draft, value) => setString(draft, 'vdev', 'vdev', value),
  script: (draft, value) => setString(draft, 'script', 'script', value),
  target: (draft, value) => setString(draft, 'pdevPath', 'target', value),
  'colo-host': (draft, value) => setString(draft, 'coloHost', 'colo-host', value),
  'colo-port': setColoPort,
  'colo-export': (draft, value) => setString(draft, 'coloExport', 'colo-export', value),
  'active-disk': (draft, value) => setString(draft, 'activeDisk', 'active-disk', value),
  'hidden-disk': (draft, value) => setString(draft, 'hiddenDisk', 'hidden-disk', value),
  grant_usage: setGrantUsage,
};

/** What each flag does; of two that contradict each other the last one counts. */
export const FLAGS: Readonly<Record<Flag, Partial<Mutable<Disk>>>> = {
  cdrom: { isCdrom: 1 },
  'direct-io-safe': { directIoSafe: true },
  discard: { discardEnable: true },
  'no-discard': { discardEnable: false },
  colo: { coloEnable: true },
  'no-colo': { coloEnable: false },
  trusted: { trusted: true },
  untrusted: { trusted: false },
};

function setDevtype(draft: Draft, value: Piece, whole: Piece): void {
  if (value.text !== 'cdrom' && value.text !== 'disk') {
    const hint = 'write devtype=cdrom, or nothing for a disk';
    refuse(draft, 'disk-unknown-value', 'unknown value for type', { near: whole.text, place: stretchOf(value) }, hint);
    return;
  }
  draft.disk.isCdrom = value.text === 'cdrom' ? 1 : 0;
}

function setColoPort(draft: Draft, value: Piece): void {
  const port = atoi(value.text);
  if (port === 0) {
    const at = { near: value.text, place: stretchOf(value) };
    refuse(draft, 'disk-unknown-value', 'unknown value for colo_port', at, 'write a TCP port, 1 to 65535');
    return;
  }
  draft.disk.coloPort = port;
  draft.places.set('coloPort', { ...stretchOf(value), word: draft.word });
}

/** In dialect xl the grammar lets no other value through. */
function setGrantUsage(draft: Draft, value: Piece): void {
  if (value.text !== '0' && value.text !== '1') {
    const at = { near: value.text, place: stretchOf(value) };
    refuse(draft, 'disk-unknown-value', 'unknown value for grant_usage', at, 'write grant_usage=1 or grant_usage=0');
    return;
  }
  draft.disk.grantUsage = value.text === '1';
}

/** C's `atoi` where `long` has 64 bits: saturated there, then cut down to 32. */
function atoi(text: string): number {
  const match = /^[ \t\n\v\f\r]*([+-]?)0*(\d*)/.exec(text)!;
  const digits = match[2]!;
  const negative = match[1] === '-';
  const limit = (1n << 63n) - (negative ? 0n : 1n);
  const magnitude = digits.length > 19 ? limit : BigInt(digits);
  const value = magnitude < limit ? magnitude : limit;
  return Number(BigInt.asIntN(32, negative ? -value : value));
}

const valuesHint = (choice: { readonly values: object }): string =>
  `write one of ${Object.keys(choice.values)
    .filter((value) => value !== '')
    .join(', ')}`;

/** A text in quotes, shortened where it is long. */
export const quoted = (text: string): string => `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;
