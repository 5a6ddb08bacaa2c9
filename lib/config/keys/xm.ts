import { everyGuest, type KeyRow } from './row.ts';

/** Keys that xm and xend read, and that xl has never acted on: known, so that nobody takes them for misspelt. */
const names = [
  'access_control',
  'bootargs',
  'bootentry',
  'console',
  'cpu',
  'dhcp',
  'fda',
  'fdb',
  'features',
  'gateway',
  'guest_os_type',
  'hostname',
  'interface',
  'irq',
  'isa',
  'monitor',
  'netmask',
  'nfs_root',
  'nfs_server',
  'on_xend_start',
  'on_xend_stop',
  'parallel',
  'shadow',
  'vscsi',
] as const;

export const xmKeys: readonly KeyRow[] = names.map((name) => ({
  name,
  type: 'string',
  guests: everyGuest,
  support: 'ignored',
  doc: 'A key of xm and xend without effect in xl.',
}));
