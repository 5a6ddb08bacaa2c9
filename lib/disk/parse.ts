import { errorFrom, XlError, type Diagnostic, type Where } from '../base/error.ts';
import type { Disk } from './disk.ts';
import { newDraft, type Draft, type Finding, type Place } from './draft.ts';
import { readWord } from './meaning.ts';
import type { Dialect } from './syntax.ts';

export type { Dialect } from './syntax.ts';

export interface ReadDiskOptions {
  /** `extended` unless said. */
  readonly dialect?: Dialect;
  /** Who says so, for messages; `command line` unless said. */
  readonly source?: string;
  /** Where the first character of the (first) word stands in the user's file: diagnostics are shifted by it. */
  readonly where?: Where;
}

/** A disk with what there is to say about how it was written. */
export interface DiskReading {
  readonly disk: Disk;
  /** What the extended dialect took though xl refuses it or takes it otherwise. Empty in dialect xl. */
  readonly warnings: readonly Diagnostic[];
  /** Where the values of fields stand; a missing field was not said. */
  readonly places: Readonly<Partial<Record<keyof Disk, Where>>>;
}

/**
 * The disk that one specification describes: the words of `xl block-attach`, or a single word from a configuration's
 * list (xl-disk-configuration(5)). Throws an XlError with all that is wrong; its `messages` are xl's own, in order.
 */
export const parseDiskSpecs = (words: readonly string[], options: ReadDiskOptions = {}): Disk =>
  readDisk(words, options).disk;

/** Like `parseDiskSpecs`, with warnings and positions. */
export function readDisk(words: readonly string[], options: ReadDiskOptions = {}): DiskReading {
  const draft = newDraft(options.dialect ?? 'extended');
  const whereOf = locator(words, options);
  const diagnose = (finding: Finding): Diagnostic => diagnosticOf(finding, whereOf(finding.place));

  for (const [index, word] of words.entries()) {
    refuseNul(word, index, whereOf);
    draft.word = index;
    readWord(draft, word);
    if (draft.failed) break;
  }
  if (!draft.failed) complete(draft);
  if (draft.failed) {
    const errors = draft.findings.filter((finding) => finding.severity === 'error');
    throw errorFrom(draft.findings.map(diagnose), { messages: errors.map((finding) => finding.message) });
  }
  return {
    disk: diskOf(draft),
    warnings: draft.findings.map(diagnose),
    places: Object.fromEntries([...draft.places].map(([field, place]) => [field, whereOf(place)])),
  };
}

/** The end checks, and what a CD-ROM implies. */
function complete(draft: Draft): void {
  const { disk } = draft;
  const wanting = (code: string, message: string, hint: string): void => {
    draft.failed = true;
    draft.findings.push({ severity: 'error', code, message, near: null, place: null, hint });
  };
  if (disk.format === 'unknown') disk.format = 'raw';
  if (disk.isCdrom === 1) {
    disk.removable = 1;
    disk.readwrite = 0;
    if (disk.pdevPath === null || disk.pdevPath === '') disk.format = 'empty';
  }
  if (disk.vdev === null) {
    wanting('disk-no-vdev', 'no vdev specified', 'say what the guest is to see it as: vdev=xvda');
  } else if (disk.pdevPath === null && disk.removable === 0) {
    const hint = 'say where the data are: target=/path; an empty drive is devtype=cdrom';
    wanting('disk-no-target', 'no target specified (and device not removable)', hint);
  }
}

function diskOf(draft: Draft): Disk {
  const { format, ...rest } = draft.disk;
  const disk: Disk = { ...rest, format: format === 'unknown' ? 'raw' : format };
  if (draft.dialect === 'xl' || draft.legacyPrefix === null) return disk;
  return { ...disk, legacyPrefix: draft.legacyPrefix };
}

/** libxlutil is given C strings: what stands behind a NUL would be lost without a word. */
function refuseNul(word: string, index: number, whereOf: (place: Place) => Where): void {
  const start = word.indexOf('\0');
  if (start < 0) return;
  throw new XlError('disk-syntax', 'a NUL in a disk specification', {
    where: whereOf({ word: index, start, end: start + 1 }),
    hint: 'xl would take the text before it for the whole',
    messages: ['bad disk syntax'],
  });
}

function diagnosticOf(finding: Finding, where: Where): Diagnostic {
  const { severity, code, hint } = finding;
  const message = finding.near === null ? finding.message : `${finding.message}: near \`${finding.near}'`;
  return { severity, code, message, where, hint };
}

/** More than this is no line that a caret could be drawn under. */
const LONGEST_EXCERPT = 4096;

/** Turns places into places for people: in the user's file where its position is known, else in the word itself. */
function locator(words: readonly string[], options: ReadDiskOptions): (place: Place | null) => Where {
  const source = options.source ?? 'command line';
  const linesOfWords = new Map<number, LineIndex>();
  const linesOf = (word: number): LineIndex => {
    const known = linesOfWords.get(word) ?? indexLines(words[word] ?? '');
    linesOfWords.set(word, known);
    return known;
  };
  return (place) => {
    const { word, start, end } = place ?? { word: 0, start: 0, end: words[0]?.length ?? 0 };
    const length = Math.max(1, end - start);
    if (options.where !== undefined && word === 0) {
      return { ...options.where, column: (options.where.column ?? 1) + start, length };
    }
    const line = linesOf(word)(start);
    const where: Where = { source, column: start - line.start + 1, length };
    return line.text.length > LONGEST_EXCERPT ? where : { ...where, text: line.text };
  };
}

type LineIndex = (offset: number) => { readonly start: number; readonly text: string };

/** Finds the line of an offset. A hostile word has as many lines and errors as letters, so it is cut only once. */
function indexLines(word: string): LineIndex {
  const texts = word.split('\n');
  const starts: number[] = [];
  let start = 0;
  for (const text of texts) {
    starts.push(start);
    start += text.length + 1;
  }
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { start: starts[low]!, text: texts[low]! };
  };
}
