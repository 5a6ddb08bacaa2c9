import { expect, test } from 'vitest';
import { parseQemuVersion } from '../../lib/qemu/version.ts';

test.each([
  ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c) 2003-2022 Fabrice Bellard', '7.2.22'],
  ['QEMU emulator version 10.1.0', '10.1.0'],
  ['QEMU emulator version 9.0.50 (v9.0.0-123-gdeadbeef)', '9.0.50'],
  ['warning: something\nQEMU emulator version 6.0 (x)', '6.0'],
  ['Python 3.11.2', null],
  ['QEMU emulator version x', null],
  ['', null],
])('%j is version %s', (output, version) => {
  expect(parseQemuVersion(output)).toBe(version);
});
