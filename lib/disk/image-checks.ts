import { unreachable, type Diagnostic } from '../base/error.ts';
import { didNotAnswer, type BackingFacts, type ImageFormat, type PathFacts } from '../base/facts.ts';
import type { Disk, DiskBackend } from './disk.ts';
import { nameOf, type Subject } from './rules.ts';

/** Whether the target is a path of ours, and no `rbd:pool/image` or `nbd://…` that QEMU resolves itself. */
export const isLocalPath = ({ pdevPath }: Pick<Disk, 'pdevPath'>): boolean =>
  pdevPath === null || !/^[a-z][a-z0-9+.-]*:/.test(pdevPath);

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
  EIO: 'Input/output error',
};

/** libxl's error for a target that cannot be looked at, with what the system says and what to do. */
export function pathError(subject: Subject): Diagnostic | null {
  const { path, disk } = subject;
  // A protocol's target is no file: stat(2) as libxl calls it fails.
  const facts = path ?? (isLocalPath(disk) ? null : ({ kind: 'missing', errno: 'ENOENT' } as const));
  if (facts?.kind !== 'missing') return null;
  const target = disk.pdevPath ?? '';
  if (didNotAnswer(facts)) {
    const message = `${nameOf(subject)}: ${target} did not answer when it was looked at`;
    const hint = 'it may well be there: look whether its file server answers (df, mount), and try again';
    return { severity: 'error', code: 'disk-image-silent', message, hint };
  }
  return {
    severity: 'error',
    code: 'disk-image-missing',
    message: `${nameOf(subject)} failed to stat: ${target}: ${ERRNO_WORDS[facts.errno] ?? facts.errno}`,
    hint: missingHint(subject, target),
  };
}

function missingHint({ disk, facts }: Subject, target: string): string {
  if (!isLocalPath(disk)) return 'only QEMU resolves such a target: add backendtype=qdisk';
  if (target === '') return 'say where the data are: target=/path';
  if (target !== target.trim()) return 'the target has blanks around it, which are part of the name';
  // The facts are a guess at another machine.
  if (facts.assumed.length > 0) return `if it is there on the host itself, add --assume paths=present`;
  if (!target.startsWith('/')) return `relative to the directory where xl was started; a device is /dev/${target}`;
  return `make it first: truncate -s 10G ${target}, or qemu-img create`;
}

/** What is known of the target that will stop the backend from serving it, or that the user should know. */
export function imageProblems(subject: Subject, chosen: DiskBackend): Diagnostic[] {
  const { disk, path, facts } = subject;
  if (disk.format === 'empty') return [];
  if (path === null) return protocolProblems(subject, chosen);
  if (path.kind === 'missing') return [pathError(subject)].filter((problem) => problem !== null);
  return [
    ...accessProblems(subject, path),
    ...(path.kind === 'file' && facts.directory === undefined ? relativePathProblems(disk) : []),
    ...formatProblems(subject, path),
    ...backingProblems(subject, path),
  ];
}

/** QEMU's backend for Xen opens files and devices only; a protocol's target reaches HVM guests as an emulated disk. */
function protocolProblems({ disk, context }: Subject, chosen: DiskBackend): Diagnostic[] {
  if (chosen !== 'qdisk' || context.backendDomid !== 0 || isLocalPath(disk)) return [];
  return [
    {
      severity: 'warning',
      code: 'disk-protocol-target',
      message: `QEMU's backend for Xen opens only files and devices, not ${disk.pdevPath ?? ''}`,
      hint: 'attach it on the host first (nbd-client, rbd map) and give the device',
    },
  ];
}

type PresentPath = Exclude<PathFacts, { kind: 'missing' }>;

function accessProblems(subject: Subject, path: PresentPath): Diagnostic[] {
  const { disk } = subject;
  const target = disk.pdevPath ?? '';
  const problem = (code: string, message: string, hint: string): Diagnostic[] => [
    { severity: 'error', code, message, hint },
  ];
  switch (path.kind) {
    case 'directory':
    case 'char':
    case 'fifo':
    case 'socket': {
      const what = { directory: 'a directory', char: 'a character device', fifo: 'a FIFO', socket: 'a socket' }[
        path.kind
      ];
      const message = `${nameOf(subject)}: ${target} is ${what}, which no backend can serve`;
      return problem('disk-image-kind', message, 'a target is a file or a block device');
    }
    case 'file':
    case 'block':
      break;
    default:
      return unreachable(path.kind);
  }
  if (!path.readable) {
    return problem('disk-image-unreadable', `${nameOf(subject)}: ${target} cannot be read`, 'look at its permissions');
  }
  if (disk.readwrite === 1 && !path.writable) {
    const hint = 'look at its permissions, or say access=ro';
    return problem('disk-image-read-only', `${nameOf(subject)}: ${target} cannot be written`, hint);
  }
  return [];
}

function relativePathProblems({ pdevPath }: Disk): Diagnostic[] {
  if (pdevPath === null || pdevPath.startsWith('/')) return [];
  const message = `the target ${pdevPath} is relative to the directory where xl was started`;
  const hint = 'write the whole path: when the guest reboots, nobody knows that directory any more';
  return [{ severity: 'warning', code: 'disk-relative-path', message, hint }];
}

/** Formats that hold a disk inside; a guest that gets the container raw sees no disk. Encrypted ones may be the guest's own. */
const CONTAINERS: readonly ImageFormat[] = ['qcow', 'qcow2', 'vhd', 'vhdx', 'qed', 'vmdk', 'vdi'];

function formatProblems({ disk }: Subject, path: PresentPath): Diagnostic[] {
  const found = path.image?.format;
  if (found === undefined || disk.format === 'empty') return [];
  const target = disk.pdevPath ?? '';
  if (disk.format === 'raw') {
    if (!CONTAINERS.includes(found)) return [];
    const message = `declared raw but the file is ${found}: ${target}`;
    return [{ severity: 'warning', code: 'disk-format-mismatch', message, hint: containerHint(found, target) }];
  }
  if (found !== disk.format) {
    // A VHD is known by its last bytes, which may be damaged in a file that QEMU still opens.
    const severity = disk.format === 'vhd' ? 'warning' : 'error';
    const message = `declared ${disk.format} but the file is ${found}: ${target}`;
    const hint = found === 'raw' ? 'write format=raw if it is one' : containerHint(found, target);
    return [{ severity, code: 'disk-format-mismatch', message, hint }];
  }
  return (path.image?.problems ?? []).map((problem) => ({
    severity: 'warning' as const,
    code: 'disk-image-damaged',
    message: `${target}: ${problem}`,
    hint: 'qemu-img check may know more',
  }));
}

function containerHint(found: ImageFormat, target: string): string {
  const known = found === 'qcow' || found === 'qcow2' || found === 'vhd' || found === 'qed';
  const advice = known ? `write format=${found}` : `convert it: qemu-img convert -O qcow2 ${target} …`;
  return `${advice}; but if it has always been a raw disk, its guest wrote that header, and following it is what such a guest wants`;
}

/** The files below the image, down the chain, as long as QEMU is going to follow it. */
function backingProblems({ disk }: Subject, path: PresentPath): Diagnostic[] {
  const follows = disk.format === 'qcow' || disk.format === 'qcow2' || disk.format === 'qed';
  if (!follows || path.image?.format !== disk.format) return [];
  const problems: Diagnostic[] = [];
  let above = disk.pdevPath ?? '';
  for (let backing = path.image.backing; backing !== null; backing = backing.image?.backing ?? null) {
    problems.push(...backingProblem(above, backing));
    above = backing.path ?? backing.name;
  }
  return problems;
}

function backingProblem(above: string, backing: BackingFacts): Diagnostic[] {
  const name = backing.path ?? backing.name;
  const error = (code: string, what: string, hint: string): Diagnostic[] => [
    { severity: 'error', code, message: `${above} rests on ${name}, ${what}`, hint },
  ];
  switch (backing.state) {
    case 'ok':
      return guessedFormat(above, name, backing);
    case 'missing':
      return error(
        'disk-backing-missing',
        'which is not there',
        `put it back, or qemu-img rebase -u -b NEWBASE ${above}`,
      );
    case 'unreadable':
      return error('disk-backing-unreadable', 'which cannot be read', 'look at its permissions');
    case 'directory':
      return error('disk-backing-unreadable', 'which is a directory', `qemu-img rebase -u -b NEWBASE ${above}`);
    case 'cycle':
      return error('disk-backing-cycle', 'which rests on it in turn', `qemu-img rebase -u -b NEWBASE ${above}`);
    case 'too-deep':
      return error('disk-backing-too-deep', 'and the chain does not end', 'shorten it with qemu-img commit or convert');
    case 'not-a-file':
      return [];
    default:
      return unreachable(backing.state);
  }
}

/** Without a declared format QEMU guesses, and a guest that can write the base could make it guess wrong. */
function guessedFormat(above: string, name: string, backing: BackingFacts): Diagnostic[] {
  if (backing.declaredFormat !== null) return [];
  const message = `${above} does not say which format ${name} has, so QEMU guesses`;
  const hint = `qemu-img rebase -u -b ${name} -F ${backing.image?.format ?? 'raw'} ${above}`;
  return [{ severity: 'warning', code: 'disk-backing-format', message, hint }];
}
