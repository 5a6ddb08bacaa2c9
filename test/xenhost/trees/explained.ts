import type { Difference } from './tree.ts';

/** What is compared of a domain: its nodes with their permissions, and the leaves of userdata `libxl-json`. */
export type Compared = 'xenstore' | 'libxl-json';

/** Where a domain of ours has something else than stock xl's, and why. */
export interface Explained {
  /** The configuration that shows it. */
  readonly configuration: string;
  readonly why: string;
  readonly places: readonly (Difference & { readonly of: Compared })[];
}

const RELATIVE = ['"raw.img"', '"/guests/disks/raw.img"'] as const;

const relative = (of: Compared, path: string, permissions: string): Explained['places'][number] => {
  const [stock, ours] = RELATIVE.map((value) => `${value}${permissions}`) as [string, string];
  return { of, path, stock, ours };
};

/** Every difference between the domains of {@link CONFIGURATIONS}: the comparison fails at another one, and where one of these is gone. */
export const EXPLAINED: readonly Explained[] = [
  {
    configuration: 'relative',
    why: 'libxl keeps a relative path as it was typed, so a guest that reboots, or a later `list -l`, looks for its disk from another directory. We keep the path that was found.',
    places: [
      relative('libxl-json', '/disks/0/pdev_path', ''),
      relative('xenstore', '/libxl/D/device/vbd/51712/params', ' (n0)'),
      relative('xenstore', '/local/domain/0/backend/vbd/D/51712/params', ' (n0,rD)'),
    ],
  },
];

/** What differs on the way, or beside the domain's own nodes: no comparison of finished domains shows it. */
export const BEYOND: readonly {
  readonly what: string;
  readonly stock: string;
  readonly ours: string;
  readonly why: string;
}[] = [
  {
    what: '`/var/lib/xen/userdata-d.D.U.xl-ts`',
    stock: 'is not there',
    ours: 'the configuration as it was given',
    why: 'Our monitor makes the domain again from it, with everything that libxl’s JSON has no place for. libxl removes it with the domain’s other userdata.',
  },
  {
    what: '`/var/run/xen/xl-ts/`',
    stock: 'is not there',
    ours: 'journals of running commands, one note a monitor',
    why: 'What a killed command had done is taken back by the next one; `xl list` sees which monitor has died.',
  },
  {
    what: '`/libxl/D/dm-version`',
    stock: 'is written twice',
    ours: 'is written once',
    why: 'The value is the same.',
  },
  {
    what: '`/etc/xen/scripts/block`',
    stock: 'runs for each disk of blkback',
    ours: 'runs only where `script=` names it',
    why: 'We write the nodes that it writes, under its lock and by its rules.',
  },
  {
    what: 'a disk that QEMU cannot serve, as one with `direct-io-safe` where QEMU is built without Linux AIO',
    stock: 'the guest is there, without the disk',
    ours: 'the creation is taken back, with the last lines of QEMU’s log',
    why: 'libxl does not wait for backends in QEMU. For an empty CD drive neither tool waits: QEMU has only the emulated drive of it.',
  },
  {
    what: '`block-attach` of a disk that QEMU serves to a PV or PVH guest without one',
    stock: 'the nodes are there, the disk never comes',
    ours: 'a QEMU is started for it, as the creation would have started it',
    why: 'libxl says that all is well, and the guest has no disk.',
  },
  {
    what: 'the name in the kept configuration after `rename`',
    stock: 'the old one',
    ours: 'the new one',
    why: 'Both tools list the name that xenstore has; ours is also the one of the next life.',
  },
  {
    what: '`target_memkb` of dom0 in `list -l`',
    stock: '1 KiB too little',
    ours: 'what xenstore has',
    why: 'Nothing is kept of dom0’s video memory, and libxl adds its value for that, −1.',
  },
  {
    what: 'the kept configuration after `block-detach`, `network-detach`',
    stock: 'still has the device',
    ours: 'has it no more',
    why: 'libxl warns of such a device at every later save: "Device present in JSON but not in xenstore, ignored".',
  },
];

/** The differences that the domains of a configuration are to have. */
export const explainedIn = (configuration: string, of: Compared): Difference[] =>
  EXPLAINED.filter((known) => known.configuration === configuration)
    .flatMap(({ places }) => places)
    .filter((place) => place.of === of)
    .map(({ path, stock, ours }) => ({ path, stock, ours }));
