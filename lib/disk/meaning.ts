import { unreachable } from '../base/error.ts';
import { nearest } from '../base/similar.ts';
import { FLAGS, KEYWORDS, refuse, remark, setAccess, setFormat, setString, stretchOf, type Draft } from './draft.ts';
import { parseDiskWord, type DiskNode, type Piece, type PrefixWord } from './syntax.ts';
import { tryDescribeVdev } from './vdev.ts';
import {
  bareVdev,
  devicePath,
  remarkSpacedWord,
  takeColoParams,
  takeDmu,
  takeSyncDriver,
  takeXendField,
  unknownPrefixHint,
  withoutBlanks,
} from './xend.ts';

/** Reads one word's parameters into the draft, up to where xl's scanner would stop. */
export function readWord(draft: Draft, text: string): void {
  for (const node of parseDiskWord(text, draft.dialect)) {
    readNode(draft, node, text);
    if (draft.stopped) return;
  }
}

function readNode(draft: Draft, node: DiskNode, text: string): void {
  const whole: Piece = { text: text.slice(node.start, node.end), start: node.start };
  switch (node.kind) {
    case 'keyword':
      remarkSpacedWord(draft, node.key, whole);
      if (node.key === 'colo-params') takeColoParams(draft, withoutBlanks(draft, node.value, node.key));
      else if (node.key === 'target') KEYWORDS.target(draft, node.value, whole);
      else KEYWORDS[node.key](draft, withoutBlanks(draft, node.value, node.key), whole);
      return;
    case 'flag':
      remarkSpacedWord(draft, node.word, whole);
      Object.assign(draft.disk, FLAGS[node.word]);
      return;
    case 'prefix':
      readPrefix(draft, node.word, whole);
      return;
    case 'dmu':
      takeDmu(draft, node, text);
      return;
    case 'positional':
      readPositional(draft, node.value);
      return;
    case 'unknown-parameter':
      refuse(draft, 'disk-unknown-parameter', 'unknown parameter', near(whole), unknownParameterHint(node.key));
      return;
    case 'unknown-prefix':
      refusePrefix(draft, { ...whole, text: `${node.word}:` });
      return;
    case 'dangling-equals':
      if (draft.dialect === 'xl') return;
      remark(
        draft,
        'disk-dangling-equals',
        'xl drops the `=` at the end',
        node,
        'leave it out, or say which key it ends',
      );
      return;
    case 'bad-syntax': {
      const hint = 'a target that holds `=` or `,` is written target=… as the last parameter';
      refuse(draft, 'disk-syntax', 'bad disk syntax', near(whole), hint);
      draft.stopped = true;
      return;
    }
    default:
      unreachable(node);
  }
}

const near = (piece: Piece): { near: string; place: { start: number; end: number } } => ({
  near: piece.text,
  place: stretchOf(piece),
});

function refusePrefix(draft: Draft, whole: Piece): void {
  const hint = unknownPrefixHint(draft, whole.text.slice(0, -1));
  refuse(draft, 'disk-unknown-prefix', 'unknown deprecated disk prefix', near(whole), hint);
  draft.stopped = true;
}

/** A prefix sets the format or the script, or means nothing any more; in each case the positional format is gone. */
function readPrefix(draft: Draft, word: PrefixWord, whole: Piece): void {
  const piece: Piece = { text: word, start: whole.start };
  switch (word) {
    case 'raw':
    case 'qcow':
    case 'qcow2':
    case 'vhd':
      draft.prefixed = true;
      setFormat(draft, piece);
      return;
    case 'sync':
      if (!takeSyncDriver(draft, stretchOf(whole))) refusePrefix(draft, whole);
      return;
    case 'iscsi':
    case 'nbd':
    case 'enbd':
    case 'drbd':
      setString(draft, 'script', 'script', { ...piece, text: `block-${word}` });
      break;
    case 'tapdisk':
    case 'tap':
    case 'tap2':
    case 'aio':
    case 'ioemu':
    case 'file':
    case 'phy':
      break;
    default:
      unreachable(word);
  }
  draft.prefixed = true;
  draft.legacyPrefix ??= word;
}

/** A positional parameter goes into the first slot that is still open: target, format, vdev, access. */
function readPositional(draft: Draft, value: Piece): void {
  const { disk } = draft;
  if (draft.failed) return;
  if (disk.pdevPath === null) {
    setString(draft, 'pdevPath', 'target', devicePath(draft, value));
  } else if (!draft.prefixed && disk.format === 'unknown') {
    if (disk.pdevPath === '' && takeVdevAndType(draft, withoutBlanks(draft, value, 'vdev'))) disk.format = 'empty';
    else setFormat(draft, withoutBlanks(draft, value, 'format'), formatHint(value));
  } else if (disk.vdev === null) {
    const name = bareVdev(draft, withoutBlanks(draft, value, 'vdev'));
    if (!takeVdevAndType(draft, name)) setString(draft, 'vdev', 'vdev', name);
  } else if (!draft.accessGiven) {
    draft.accessGiven = true;
    setAccess(draft, withoutBlanks(draft, value, 'access'), accessHint(draft));
  } else if (!takeXendField(draft, withoutBlanks(draft, value, 'field'))) {
    const hint = 'the fields are target, format, vdev, access; what else there is to say has a name: key=value';
    refuse(draft, 'disk-too-many-parameters', 'too many positional parameters', near(value), hint);
    draft.stopped = true;
  }
}

/** `VDEV:cdrom`. False, and nothing done, where there is no colon. */
function takeVdevAndType(draft: Draft, value: Piece): boolean {
  const colon = value.text.lastIndexOf(':');
  if (colon < 0) return false;
  const name: Piece = { text: value.text.slice(0, colon), start: value.start };
  setString(draft, 'vdev', 'vdev', withoutBlanks(draft, name, 'vdev'));
  const type: Piece = { text: value.text.slice(colon + 1), start: value.start + colon + 1 };
  if (type.text === 'cdrom' || type.text === 'disk') draft.disk.isCdrom = type.text === 'cdrom' ? 1 : 0;
  else refuse(draft, 'disk-unknown-value', 'unknown deprecated type', near(type), 'write VDEV:cdrom or devtype=cdrom');
  return true;
}

function formatHint(value: Piece): string | undefined {
  const name = value.text.trim().replace(/:(cdrom|disk)$/, '');
  if (tryDescribeVdev(name) === null) return undefined;
  return `the second field is the format; leave it empty for raw: …,,${name}`;
}

function accessHint(draft: Draft): string | undefined {
  if (!draft.prefixed || draft.disk.vdev === null || tryDescribeVdev(draft.disk.vdev) !== null) return undefined;
  return `behind a prefix there is no format field, so \`${draft.disk.vdev}\` was taken as the vdev; write format=, vdev= and target= instead`;
}

function unknownParameterHint(key: string): string {
  const known = [...Object.keys(KEYWORDS), 'colo-params'];
  if (Object.hasOwn(FLAGS, key)) return `\`${key}\` takes no value`;
  const meant = nearest(key, known) ?? nearest(key, Object.keys(FLAGS));
  if (meant === null) return `the keys are ${known.join(', ')}`;
  return `did you mean \`${meant}${Object.hasOwn(FLAGS, meant) ? '' : '='}\`?`;
}
