import { XlError } from '../../base/error.ts';
import type { Bindings } from '../../base/text.ts';

/** What the user wants assumed: facts about the host, and values for a plan's holes. */
export interface Assumptions {
  /** Xen's version. */
  readonly xen?: string;
  /** QEMU's version. */
  readonly qemu?: string;
  /** Path of the device model. */
  readonly qemuPath?: string;
  /** Paths that are not on this machine are on the one that is planned for. */
  readonly pathsPresent?: true;
  /** Holes by name: `domid`, `xenstore-port` … Whether a plan has them, lib/run/validate.ts's `holesOfPlan` tells. */
  readonly bindings: Bindings;
}

const VERSION = /^\d{1,4}\.\d{1,4}(\.\d{1,4})?$/;
/** Domids that a guest can have (`DOMID_FIRST_RESERVED`, xen/include/public/xen.h). */
const LARGEST_DOMID = 0x7fef;

/**
 * Reads `--assume` words, `KEY=VALUE` each: `xen=4.17`, `qemu=7.2`, `qemu-path=PATH`, `paths=present`, and any other
 * name for the hole of that name. Throws XlError `assumption-invalid`.
 */
export function parseAssumptions(words: readonly string[]): Assumptions {
  const facts: { xen?: string; qemu?: string; qemuPath?: string; pathsPresent?: true } = {};
  const bindings: Record<string, string> = {};
  for (const word of words) {
    const [, key = '', value = ''] = /^([a-z][a-z0-9_-]*)=(.*)$/s.exec(word) ?? [];
    if (key === '' || value === '') throw invalid(word, 'it has to be KEY=VALUE');
    if (key === 'xen' || key === 'qemu') facts[key] = version(word, value);
    else if (key === 'qemu-path') facts.qemuPath = value;
    else if (key === 'paths' && value !== 'present') throw invalid(word, 'of paths only `present` can be assumed');
    else if (key === 'paths') facts.pathsPresent = true;
    else bindings[key] = key === 'domid' ? domid(word, value) : value;
  }
  return { ...facts, bindings };
}

function version(word: string, value: string): string {
  if (!VERSION.test(value)) throw invalid(word, 'a version is two or three numbers, such as 4.17 or 7.2.22');
  return value;
}

function domid(word: string, value: string): string {
  if (!/^\d{1,5}$/.test(value) || Number(value) > LARGEST_DOMID) {
    throw invalid(word, `a domid is a number up to ${LARGEST_DOMID}`);
  }
  return String(Number(value));
}

const invalid = (word: string, why: string): XlError =>
  new XlError('assumption-invalid', `--assume ${word}: ${why}`, {
    hint: 'for example --assume xen=4.17 --assume qemu=7.2 --assume domid=7',
    exitCode: 2,
  });
