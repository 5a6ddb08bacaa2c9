import { describe, expect, it } from 'vitest';
import { parseHotplugPaths, xenDirs } from '../../../lib/host/xen/describe.ts';

/** As Debian 12's xen-utils-common ships it, and with a build of one's own. */
const DEBIAN = `sbindir="/usr/sbin"
LIBEXEC_BIN="/usr/lib/xen-4.17/bin"
XENFIRMWAREDIR="/usr/lib/xen-4.17/boot"
XEN_SCRIPT_DIR="/etc/xen/scripts"
XEN_RUN_DIR="/var/run/xen"
XEN_LOG_DIR="/var/log/xen"
XEN_LIB_DIR="/var/lib/xen"
`;

const debian = {
  lib: '/var/lib/xen',
  run: '/var/run/xen',
  log: '/var/log/xen',
  scripts: '/etc/xen/scripts',
  firmware: '/usr/lib/xen-4.17/boot',
  state: '/var/run/xen/xl-ts',
};

describe('the directories of a Xen', () => {
  it('are those that its scripts use', () => {
    expect(xenDirs('4.17.7', parseHotplugPaths(DEBIAN))).toEqual(debian);
  });

  it('are Debian’s where its scripts do not say', () => {
    expect(xenDirs('4.17.7', {})).toEqual(debian);
  });

  it('may be anywhere', () => {
    const build = parseHotplugPaths(
      `# ours\nXEN_RUN_DIR=/opt/xen/run/\nXENFIRMWAREDIR="/opt/xen/boot"\nif true; then\n`,
    );
    expect(xenDirs('4.20.1', build)).toMatchObject({
      run: '/opt/xen/run',
      state: '/opt/xen/run/xl-ts',
      firmware: '/opt/xen/boot',
    });
  });
});
