import { XlError } from '../base/error.ts';
import { devid, type Devid } from '../base/units.ts';

/**
 * Names of virtual disks and their numbers, as xen-vbd-interface(7) and `libxl__device_disk_dev_number` have them.
 * libxl also gives numbers to some non-names (`""`, `xvd`, `hd`, `d-1p0`); those are refused here.
 */
export interface VdevInfo {
  readonly devid: Devid;
  /** How the name is spelt: `d0p1` counts as `xvd`, a bare number as `number`. */
  readonly family: 'xvd' | 'hd' | 'sd' | 'number';
  /** The disk's index within its family, from 0; null for a bare number, from which libxl derives none. */
  readonly disk: number | null;
  /** 0 is the whole disk; null for a bare number. */
  readonly partition: number | null;
}

const XVD_MAJOR = 202;
const SCSI_MAJOR = 8;
const IDE_MAJORS = [3, 22] as const;
/** Numbers above Linux' own: 8 bits of partition, 20 of disk. */
const EXTENDED = 1 << 28;

/** The number of a disk, from its name. Throws XlError `unknown-vdev`. */
export const vdevToDevid = (vdev: string): Devid => describeVdev(vdev).devid;

/** All that a disk's name says. Throws XlError `unknown-vdev`. */
export function describeVdev(vdev: string): VdevInfo {
  const info = tryDescribeVdev(vdev);
  if (info === null) {
    throw new XlError('unknown-vdev', `Invalid or unsupported virtual disk identifier ${vdev}`, {
      hint: vdevHint(vdev),
    });
  }
  return info;
}

/** Like `describeVdev`, with null for what is no name of a disk. */
export function tryDescribeVdev(vdev: string): VdevInfo | null {
  return numberedXvd(vdev) ?? bareNumber(vdev) ?? lettered(vdev);
}

/** `d<N>p<M>`, both in C's notation. */
function numberedXvd(vdev: string): VdevInfo | null {
  const match = /^d(\w+?)p(\w+)$/.exec(vdev);
  if (match === null) return null;
  const disk = cInteger(match[1]!);
  const partition = cInteger(match[2]!);
  return disk === null || partition === null ? null : xvd(disk, partition);
}

function bareNumber(vdev: string): VdevInfo | null {
  const value = cInteger(vdev);
  if (value === null || value > 0x7fffffff) return null;
  return { devid: devid(value), family: 'number', disk: null, partition: null };
}

function lettered(vdev: string): VdevInfo | null {
  const match = /^(xvd|hd|sd)([a-z]{1,5})([1-9]\d{0,2})?$/.exec(vdev);
  if (match === null) return null;
  const numbering = { xvd, hd: ide, sd: scsi }[match[1] as 'xvd' | 'hd' | 'sd'];
  return numbering(diskOfLetters(match[2]!), Number(match[3] ?? 0));
}

function xvd(disk: number, partition: number): VdevInfo | null {
  if (disk >= 1 << 20 || partition > 255) return null;
  const short = disk <= 15 && partition <= 15;
  const value = short ? (XVD_MAJOR << 8) | (disk << 4) | partition : EXTENDED | (disk << 8) | partition;
  return { devid: devid(value), family: 'xvd', disk, partition };
}

function ide(disk: number, partition: number): VdevInfo | null {
  const major = IDE_MAJORS[disk >> 1];
  if (major === undefined || partition > 63) return null;
  return { devid: devid((major << 8) | ((disk & 1) << 6) | partition), family: 'hd', disk, partition };
}

function scsi(disk: number, partition: number): VdevInfo | null {
  if (disk > 15 || partition > 15) return null;
  return { devid: devid((SCSI_MAJOR << 8) | (disk << 4) | partition), family: 'sd', disk, partition };
}

/** A non-negative integer as C's `%i` reads it: decimal, 0x… or 0…; no sign, no blank. Null for anything else. */
function cInteger(text: string): number | null {
  if (text.length > 40) return null;
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^(0x[0-9a-f]+|0|[1-9]\d*)$/i.test(text) ? Number(text) : null;
}

/** `a` is 0, `z` 25, `aa` 26: base 26 without a zero. */
function diskOfLetters(letters: string): number {
  let disk = -1;
  for (const letter of letters) disk = (disk + 1) * 26 + letter.charCodeAt(0) - 0x61;
  return disk;
}

function lettersOfDisk(disk: number): string {
  const last = String.fromCharCode(0x61 + (disk % 26));
  return disk < 26 ? last : lettersOfDisk(Math.floor(disk / 26) - 1) + last;
}

/**
 * The usual name of a disk's number: `51712` is `xvda`, `768` `hda`; a number outside the known ranges is its own name.
 * `vdevToDevid` takes every result back to the same number.
 */
export function devidToVdev(value: number): string {
  const name = usualName(value);
  // Some numbers have a second spelling: 268435456 would be xvda, which is 51712.
  return name !== null && tryDescribeVdev(name)?.devid === value ? name : String(value);
}

function usualName(value: number): string | null {
  if (value >= EXTENDED && value < EXTENDED * 2) {
    return nameOf('xvd', (value & ~EXTENDED) >> 8, value & 0xff);
  }
  const minor = value & 0xff;
  switch (value >> 8) {
    case XVD_MAJOR:
      return nameOf('xvd', minor >> 4, minor & 0xf);
    case SCSI_MAJOR:
      return nameOf('sd', minor >> 4, minor & 0xf);
    case IDE_MAJORS[0]:
      return ideName(0, minor);
    case IDE_MAJORS[1]:
      return ideName(2, minor);
    default:
      return null;
  }
}

const nameOf = (family: string, disk: number, partition: number): string =>
  `${family}${lettersOfDisk(disk)}${partition === 0 ? '' : String(partition)}`;

/** An IDE major has two disks of 64 numbers; the upper half of the minors is nobody's. */
const ideName = (first: number, minor: number): string | null =>
  minor < 128 ? nameOf('hd', first + (minor >> 6), minor & 0x3f) : null;

function vdevHint(vdev: string): string {
  if (/^hd[e-z]/.test(vdev)) return 'IDE has hda to hdd with at most 63 partitions; use xvd names for more disks';
  if (/^sd[a-z]/.test(vdev)) return 'SCSI has sda to sdp with at most 15 partitions; use xvd names for more disks';
  if (/^vd[a-z]/.test(vdev)) return `Xen's own disks are called xvda, xvdb …: xvd${vdev.slice(2)}`;
  if (/^d\d+$/.test(vdev)) return `name the partition too: ${vdev}p0 is the whole disk`;
  if (vdev.startsWith('/dev/')) return `the name stands without /dev/: ${vdev.slice('/dev/'.length)}`;
  if (/^(xvd|hd|sd)$/.test(vdev)) return `name the disk by its letter: ${vdev}a`;
  if (vdev !== vdev.toLowerCase()) return `names are in lower case: ${vdev.toLowerCase()}`;
  return 'names are xvda, xvdb … (or xvda1 … for partitions), hda to hdd, sda to sdp, d0p0, or a number';
}
