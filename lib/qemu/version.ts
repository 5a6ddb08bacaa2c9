import { isAtLeast } from '../base/version.ts';

/**
 * The version number (`7.2.22`) in the answer to `qemu --version`, or null where there is none. Distributions add words
 * of their own after the number: `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
 */
export function parseQemuVersion(output: string): string | null {
  return /^QEMU emulator version (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)/m.exec(output)?.[1] ?? null;
}

/** How one QEMU spells what another spells otherwise. */
export interface QemuDialect {
  /** A machine without ACPI. */
  readonly noAcpi: 'option' | 'machine-property';
  /** Changing the root directory. */
  readonly chroot: 'option' | 'run-with';
  /** Changing the user. */
  readonly runAs: 'option' | 'run-with';
}

/** The version from which the second spelling is right (qemu/docs/about/removed-features.rst, deprecated.rst). */
const changedIn = {
  /** `-no-acpi` went in 9.0, after `-machine acpi=off` had long been there. */
  noAcpi: [9, 0],
  /** `-run-with chroot=` came in 8.1; `-chroot` went in 9.0. */
  chroot: [8, 1],
  /** `-run-with user=` came in 9.1; `-runas` went in 10.0. */
  runAs: [9, 1],
} as const;

/** The spellings of a version; null stands for any that Xen 4.17 knew, which are the old ones. */
export function qemuDialect(version: string | null): QemuDialect {
  const since = (change: keyof typeof changedIn): boolean => version !== null && isAtLeast(version, changedIn[change]);
  return {
    noAcpi: since('noAcpi') ? 'machine-property' : 'option',
    chroot: since('chroot') ? 'run-with' : 'option',
    runAs: since('runAs') ? 'run-with' : 'option',
  };
}
