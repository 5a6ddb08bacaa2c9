import type { HostFacts, PathFacts } from '../../lib/base/facts.ts';

/** A host for tests that only think: a Xen host as Debian 12 has it, unless told otherwise. */
export function factsOf(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    schema: 1,
    host: 'xen',
    xenVersion: '4.17.7',
    qemu: { path: '/usr/libexec/xen-qemu-system-i386', version: '7.2.22', accel: 'xen', accelReason: 'a test' },
    dirs: {
      lib: '/var/lib/xen',
      run: '/var/run/xen',
      log: '/var/log/xen',
      scripts: '/etc/xen/scripts',
      firmware: '/usr/lib/xen-4.17/boot',
      state: '/var/run/xen',
    },
    domains: [{ domid: 0, name: 'Domain-0', uuid: null, images: [] }],
    paths: {},
    tools: { tapCtl: null, tapback: false, blockScripts: ['block'] },
    assumed: [],
    ...changes,
  };
}

let inode = 1;

/** An image file that is there; each call makes another file. */
export function imageFile(
  format: 'raw' | 'qcow2' | 'vhd' | 'iso' = 'raw',
  changes: Partial<Extract<PathFacts, { size: number }>> = {},
): PathFacts {
  return {
    kind: 'file',
    readable: true,
    writable: true,
    size: 64 * 1024 * 1024,
    identity: `1:${inode++}`,
    image: { format, virtualSize: null, backing: null, problems: [] },
    ...changes,
  };
}
