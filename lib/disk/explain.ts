import type { Diagnostic } from '../base/error.ts';
import { didNotAnswer, type BackingFacts, type ImageFacts, type PathFacts } from '../base/facts.ts';
import type { BackendDecision } from './decision.ts';
import type { Disk } from './disk.ts';
import type { DiskReading } from './parse.ts';
import { printDisk } from './print.ts';
import { tryDescribeVdev } from './vdev.ts';

/** A part of an explanation: what a row is about, and what there is to say. Texts come from users and images as they are. */
export interface ExplainedSection {
  readonly title: string;
  readonly rows: readonly (readonly [subject: string, text: string])[];
}

/**
 * `xl disk explain`: how a specification was understood, what stands at its target, which backend will serve it and why
 * no other, and how one writes it today. `path` is what is known of the target, or null where nothing was looked at.
 */
export function explainDisk(
  { disk, warnings }: Pick<DiskReading, 'disk' | 'warnings'>,
  decision: BackendDecision,
  path: PathFacts | null,
): ExplainedSection[] {
  const sections: ExplainedSection[] = [
    { title: 'the disk', rows: diskRows(disk, decision) },
    { title: 'its target', rows: path === null ? [] : targetRows(path) },
    { title: 'its backend', rows: backendRows(decision) },
    { title: 'remarks', rows: remarkRows([...warnings, ...decision.warnings, ...[decision.error].filter(isPresent)]) },
    { title: 'written today', rows: [['', printDisk(disk)]] },
  ];
  return sections.filter(({ rows }) => rows.length > 0);
}

const isPresent = <T>(value: T | null): value is T => value !== null;

function diskRows(disk: Disk, decision: BackendDecision): [string, string][] {
  const vdev = disk.vdev === null ? null : tryDescribeVdev(disk.vdev);
  const rows: [string, string | null][] = [
    ['vdev', `${disk.vdev ?? ''}, ${vdev === null ? 'which is no name of a disk' : `device number ${vdev.devid}`}`],
    ['target', disk.pdevPath ?? 'none'],
    ['format', disk.format],
    ['access', `${disk.readwrite === 1 ? 'read-write' : 'read-only'}${disk.isCdrom === 1 ? ', a CD-ROM drive' : ''}`],
    ['script', decision.script],
    ['backend domain', disk.backendDomname],
    ['specification', decision.specification],
    ['discard', decision.discardEnable ? 'passed on' : 'not passed on'],
    ['trusted', decision.trusted ? null : 'no: the guest copies what it hands over'],
    [
      'replicated',
      decision.coloEnable ? `to ${disk.coloHost ?? ''} port ${disk.coloPort} as ${disk.coloExport ?? ''}` : null,
    ],
    [
      'prefix',
      disk.legacyPrefix === undefined ? null : `${disk.legacyPrefix}:, which chose the device class in xend's time`,
    ],
  ];
  return rows.flatMap(([subject, text]): [string, string][] => (text === null ? [] : [[subject, text]]));
}

const KINDS: Readonly<Record<PathFacts['kind'], string>> = {
  missing: 'nothing is there',
  file: 'a file',
  block: 'a block device',
  char: 'a character device',
  directory: 'a directory',
  fifo: 'a FIFO',
  socket: 'a socket',
};

function targetRows(path: PathFacts): [string, string][] {
  if (didNotAnswer(path)) return [['kind', 'unknown: it did not answer']];
  if (path.kind === 'missing') return [['kind', `${KINDS.missing} (${path.errno})`]];
  const access = path.readable ? (path.writable ? '' : ', read-only') : ', not readable';
  return [
    ['kind', `${KINDS[path.kind]} of ${path.size} bytes${access}`],
    ...(path.image === undefined ? [] : imageRows(path.image)),
  ];
}

/** What an image's header says, and the images below it, one row each: `xl disk probe` prints the same. */
export function imageRows(image: ImageFacts): [string, string][] {
  const size = image.virtualSize === null ? '' : `, a disk of ${image.virtualSize} bytes`;
  return [
    ['image', `${image.format}${size}`],
    ...image.problems.map((problem): [string, string] => ['', problem]),
    ...(image.backing === null ? [] : backingRows(image.backing)),
  ];
}

const BACKING_STATES: Readonly<Record<BackingFacts['state'], string>> = {
  ok: '',
  missing: ', which is not there',
  unreadable: ', which cannot be read',
  directory: ', which is a directory',
  cycle: ', which rests on it in turn',
  'too-deep': ', and the chain goes on',
  'not-a-file': ', which is no file of this host',
};

function backingRows(backing: BackingFacts): [string, string][] {
  const declared = backing.declaredFormat === null ? '' : `, declared ${backing.declaredFormat}`;
  return [
    ['rests on', `${backing.path ?? backing.name}${declared}${BACKING_STATES[backing.state]}`],
    ...(backing.image === null ? [] : imageRows(backing.image)),
  ];
}

function backendRows({ chosen, deviceClass, reason, alternatives }: BackendDecision): [string, string][] {
  const others = alternatives.filter(({ verdict }) => verdict !== 'chosen');
  return [
    chosen === null ? ['none', reason] : [chosen, `(${deviceClass ?? ''}) ${reason}`],
    ...others.map(({ verdict, backend, deviceClass: other, reason: why }): [string, string] => [
      `${verdict === 'refused' ? 'not' : 'or'} ${backend ?? other}`,
      why,
    ]),
  ];
}

const remarkRows = (diagnostics: readonly Diagnostic[]): [string, string][] =>
  diagnostics.map(({ severity, message, hint }) => [severity, hint === undefined ? message : `${message}; ${hint}`]);
