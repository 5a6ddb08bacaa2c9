import { nearest } from '../base/similar.ts';
import { refuse, remark, setString, stretchOf, type Draft } from './draft.ts';
import type { DiskNode, Piece, PrefixWord, Stretch } from './syntax.ts';

/**
 * The forms that only the extended dialect takes: xend's (xm up to Xen 4.4), the COLO patches' `colo-params=` and
 * dm-userspace's `dmu:`. Each says in a warning what xl makes of it and how to write it today.
 */

/** `sync:` was blktap 1's synchronous raw driver; it stands behind `tap:` only. False where it stands elsewhere. */
export function takeSyncDriver(draft: Draft, prefix: Stretch): boolean {
  if (draft.legacyPrefix !== 'tap' && draft.legacyPrefix !== 'tap2') return false;
  remark(draft, 'disk-sync-driver', 'xl refuses the driver `sync:`', prefix, 'leave it out: the image is raw');
  return true;
}

/** A target behind `phy:` without a leading slash was below /dev for xend, and for xl(1)'s manual. */
export function devicePath(draft: Draft, value: Piece): Piece {
  if (draft.dialect !== 'extended' || draft.legacyPrefix !== 'phy') return value;
  if (value.text === '' || value.text.startsWith('/')) return value;
  const path = `/dev/${value.text}`;
  const message = `xl looks for \`${value.text}\` in the directory where it was started; taken as ${path}`;
  remark(draft, 'disk-relative-device', message, stretchOf(value), `write ${path}`);
  return { ...value, text: path };
}

/** xend took `/dev/hda` for `hda`. */
export function bareVdev(draft: Draft, value: Piece): Piece {
  if (draft.dialect !== 'extended' || !draft.prefixed || !value.text.startsWith('/dev/')) return value;
  const name = value.text.slice('/dev/'.length);
  remark(draft, 'disk-vdev-path', 'xl refuses a vdev with /dev/ before it', stretchOf(value), `write ${name}`);
  return { ...value, text: name };
}

/** xl does not know a keyword that has blanks behind it. */
export function remarkSpacedWord(draft: Draft, word: string, whole: Piece): void {
  if (!/^[ \t]/.test(whole.text.slice(word.length))) return;
  remark(draft, 'disk-blanks', `xl refuses the blanks behind \`${word}\``, stretchOf(whole), 'leave them out');
}

/** The text without the blanks around it, which xl takes as part of it. */
export function withoutBlanks(draft: Draft, value: Piece, subject: string): Piece {
  if (draft.dialect !== 'extended') return value;
  const text = value.text.replace(/^[ \t\n]+|(?<![ \t\n])[ \t\n]+$/g, '');
  if (text === value.text) return value;
  remark(draft, 'disk-blanks', `xl takes the blanks as part of the ${subject}`, stretchOf(value), 'leave them out');
  return { text, start: value.start + value.text.indexOf(text) };
}

const RING_PROTOCOLS = ['native', 'x86_32-abi', 'x86_64-abi', 'arm-abi'];

/** The fourth and fifth field of `UNAME,DEV,MODE,BACKEND,PROTOCOL`. False where there is no such field left. */
export function takeXendField(draft: Draft, value: Piece): boolean {
  if (draft.dialect !== 'extended' || !draft.prefixed || draft.protocolGiven) return false;
  if (draft.disk.backendDomname === null) {
    setString(draft, 'backendDomname', 'backend', value);
    const hint = `write backend=${value.text}`;
    remark(draft, 'disk-xend-tuple', 'xl refuses a fourth field, the backend domain', stretchOf(value), hint);
    return true;
  }
  draft.protocolGiven = true;
  if (!RING_PROTOCOLS.includes(value.text)) {
    const hint = `the fifth field of xend's form is the ring protocol: ${RING_PROTOCOLS.join(', ')}`;
    const at = { near: value.text, place: stretchOf(value) };
    refuse(draft, 'disk-unknown-value', 'unknown value for protocol', at, hint);
    return true;
  }
  const hint = 'leave it out: the guest itself says which protocol its ring has';
  remark(draft, 'disk-xend-tuple', 'xl refuses a fifth field, the protocol; not acted on', stretchOf(value), hint);
  return true;
}

/**
 * `colo-params=HOST:PORT:exportname=NAME` of the COLO patches (2015), HOST in brackets where it holds colons. It means
 * `colo` too, unless the specification says `no-colo`.
 */
export function takeColoParams(draft: Draft, value: Piece): void {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5}):exportname=(.+)$/s.exec(value.text);
  const port = Number(match?.[3] ?? 0);
  if (match === null || port < 1 || port > 65535) {
    const at = { near: value.text, place: stretchOf(value) };
    const hint = 'write colo-params=HOST:PORT:exportname=NAME with a port from 1 to 65535, an IPv6 host in [brackets]';
    refuse(draft, 'disk-colo-params', 'unknown value for colo-params', at, hint);
    return;
  }
  const host = match[1] ?? match[2]!;
  const name = match[4]!;
  setString(draft, 'coloHost', 'colo-host', { ...value, text: host });
  setString(draft, 'coloExport', 'colo-export', { ...value, text: name });
  draft.disk.coloPort = port;
  draft.disk.coloEnable ??= true;
  const hint = `write colo,colo-host=${host},colo-port=${port},colo-export=${name}`;
  remark(draft, 'disk-colo-params', 'xl refuses colo-params=', stretchOf(value), hint);
}

/**
 * `dmu:PLUGIN:COW:BASE` of dm-userspace (2006). Its plugin dscow is the script block-dscow today; the target keeps the
 * three parts, as xend wrote them into the backend's `params` node.
 */
export function takeDmu(draft: Draft, node: DiskNode & { readonly kind: 'dmu' }, text: string): void {
  const start = node.start + 'dmu:'.length;
  const value: Piece = { text: text.slice(start, node.end).replace(/,$/, ''), start };
  draft.prefixed = true;
  draft.legacyPrefix ??= 'dmu';
  const at = { near: value.text, place: stretchOf(value) };
  if (!node.cow || !node.base) {
    refuse(draft, 'disk-dmu', 'unknown value for dmu', at, 'write dmu:dscow:COWFILE:BASEIMAGE');
    return;
  }
  if (node.plugin !== 'dscow') {
    const hint =
      node.plugin === 'qcow'
        ? `make an overlay with qemu-img create -f qcow2 -b ${node.base} -F raw, and write format=qcow2`
        : "of dm-userspace's plugins only dscow is known";
    refuse(draft, 'disk-dmu', 'unknown value for dmu', at, hint);
    return;
  }
  setString(draft, 'pdevPath', 'target', value);
  setString(draft, 'script', 'script', { text: 'block-dscow', start: node.start });
  const hint = `write script=block-dscow,target=${value.text} last`;
  remark(draft, 'disk-dmu', 'xl knows no prefix `dmu:` and takes it as part of a path', at.place, hint);
}

/** What to do about a prefix that nobody knows. */
export function unknownPrefixHint(draft: Draft, word: string): string {
  const behindTap = draft.legacyPrefix === 'tap' || draft.legacyPrefix === 'tap2';
  if (behindTap && ['vmdk', 'ram', 'remus'].includes(word)) {
    return `blktap's driver ${word} is gone; convert the image with qemu-img convert, or keep it in a qcow2 file`;
  }
  if (word === 'qed') return 'write format=qed,target=…';
  if (word === 'dmu') return 'dialect xl does not know dmu:; write script=block-dscow,target=…';
  const near = nearest(word, PREFIXES);
  const target = `write target=${word}:… as the last parameter if it is part of the target`;
  return near === null
    ? `${target}, or script=block-${word} if a script of that name serves it`
    : `did you mean \`${near}:\`? Else ${target}`;
}

const PREFIXES: readonly PrefixWord[] = [
  'raw',
  'qcow',
  'qcow2',
  'vhd',
  'iscsi',
  'nbd',
  'drbd',
  'tapdisk',
  'tap',
  'tap2',
  'aio',
  'ioemu',
  'file',
  'phy',
];
