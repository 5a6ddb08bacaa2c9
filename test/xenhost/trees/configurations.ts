/** A guest of which the nodes are compared: a configuration of the harness, and what goes over it. */
export interface Configuration {
  readonly name: string;
  /** What is particular about it, in words. */
  readonly what: string;
  readonly base: 'pv' | 'pvh' | 'hvm' | 'hvm-disk' | 'pv-net';
  /** The disks in place of the base's own; null for those. */
  readonly disks: readonly string[] | null;
}

const IMAGES = '/guests/disks';

const guest = (name: Configuration['base'], what: string): Configuration => ({ name, what, base: name, disks: null });
const withDisks = (base: 'pv' | 'hvm-disk', name: string, what: string, ...disks: readonly string[]) => ({
  name,
  what,
  base,
  disks,
});

/** The five guests of the harness, and the ways in which a guest can have a disk. */
export const CONFIGURATIONS: readonly Configuration[] = [
  guest('pv', 'a raw file through blkback and a qcow2 file through QEMU'),
  guest('pvh', 'the same disks'),
  guest('hvm', 'the same disks, a kernel that QEMU loads, a serial line'),
  guest('hvm-disk', 'hvmloader and SeaBIOS, an emulated disk and a disc in its drive'),
  guest('pv-net', 'an interface on a bridge, two vcpus, a block device as disk'),
  withDisks('pv', 'phy-file', 'a raw file', `${IMAGES}/raw.img,raw,xvda,rw`),
  withDisks('pv', 'phy-device', 'a block device', '/dev/loop7,raw,xvda,rw'),
  withDisks('pv', 'qcow2', 'a qcow2 file', `${IMAGES}/disk.qcow2,qcow2,xvda,rw`),
  withDisks('pv', 'vhd', 'a VHD file', '/root/disk.vhd,vhd,xvda,rw'),
  withDisks('pv', 'cdrom', 'a disc of a PV guest', `${IMAGES}/cd1.iso,raw,xvda,cdrom`),
  withDisks('pv', 'read-only', 'a disk that is only read', `${IMAGES}/raw.img,raw,xvda,r`),
  withDisks('pv', 'script', "Xen's own script by name", `script=block,vdev=xvda,access=rw,target=${IMAGES}/raw.img`),
  withDisks(
    'pv',
    'qdisk-raw',
    'a raw file that QEMU shall serve',
    `backendtype=qdisk,vdev=xvda,access=rw,target=${IMAGES}/raw.img`,
  ),
  withDisks(
    'pv',
    'discard',
    'discard, no-discard, direct-io-safe',
    `${IMAGES}/raw.img,raw,xvda,rw,discard`,
    `${IMAGES}/loop.img,raw,xvdb,rw,no-discard,direct-io-safe`,
    `${IMAGES}/extra.qcow2,qcow2,xvdc,rw,no-discard`,
  ),
  withDisks('pv', 'relative', 'a file by its relative path', 'raw.img,raw,xvda,rw'),
  withDisks('hvm-disk', 'empty-cdrom', 'a drive without a disc', `${IMAGES}/hvm.img,raw,hda,rw`, ',raw,hdc,cdrom'),
  withDisks(
    'hvm-disk',
    'scsi',
    'an IDE, a SCSI and a PV disk of an HVM guest',
    `${IMAGES}/hvm.img,raw,hda,rw`,
    `${IMAGES}/raw.img,raw,sda,rw`,
    `${IMAGES}/disk.qcow2,qcow2,xvdd,rw`,
  ),
];

/** Where `create` is run: relative paths count from there. */
export const CREATED_IN = IMAGES;

/** What follows `create`: the file, and the lines that go over it. */
export const createWords = ({ name, base, disks }: Configuration): string[] => [
  `/guests/${base}.cfg`,
  `name="${name}"`,
  ...(disks === null ? [] : [`disk=[ ${disks.map((disk) => `"${disk}"`).join(', ')} ]`]),
];
