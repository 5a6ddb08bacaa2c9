import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../../..');
const directory = join(root, '.cache/guest');

export interface Guest {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly rootImage: string;
}

/** Why there can be no end-to-end test here, or null. The guest is made when it is missing, which needs apt. */
export const whyNoGuest: string | null = await makeGuest();
if (whyNoGuest !== null) console.warn(`the end-to-end tests of the embedded host are skipped: ${whyNoGuest}`);

/** The example guest's files. */
export const guest: Guest = {
  kernel: join(directory, 'vmlinuz'),
  ramdisk: join(directory, 'initrd'),
  rootImage: join(directory, 'root.img'),
};

async function makeGuest(): Promise<string | null> {
  try {
    await access('/usr/bin/qemu-system-x86_64');
  } catch {
    return 'there is no /usr/bin/qemu-system-x86_64 (Debian package qemu-system-x86)';
  }
  try {
    await promisify(execFile)('sh', [join(root, 'scripts/guest.sh')], { timeout: 300_000 });
    return null;
  } catch (error) {
    const said =
      typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : String(error);
    return `scripts/guest.sh failed: ${said.trim()}`;
  }
}
