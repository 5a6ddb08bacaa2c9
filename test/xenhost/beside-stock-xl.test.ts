import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, dom0, guestSays, shell, stock, traces, until, xl, xlOkay } from './dom0.ts';

/** Without the last column: the times of two commands differ. */
const withoutTimes = (list: string) => list.replace(/ +[\d.]+$/gm, '');
const states = async (name: string) => /\s([-r][-b][-p][-s].[-d])\s/.exec(await stock('list', name))?.[1];

describe('a host on which stock xl made a PV guest', () => {
  let before: string[];

  beforeAll(async () => {
    before = await traces();
    await stock('create', '/guests/pv.cfg');
    await guestSays('pv', 'guest: ready');
  });
  afterAll(() => dom0('xl', 'destroy', 'pv'));

  it('is described: its Xen, its QEMU, its directories, its domains and what they have open', async () => {
    const facts: unknown = JSON.parse(await xlOkay('host', 'facts', '/guests/disks/raw.img'));
    expect(facts).toMatchObject({
      host: 'xen',
      xenVersion: '4.17.7',
      qemu: {
        path: '/usr/libexec/xen-qemu-system-i386',
        accel: 'xen',
        version: expect.stringMatching(/^7\.2\./) as string,
      },
      dirs: { run: '/var/run/xen', scripts: '/etc/xen/scripts', firmware: '/usr/lib/xen-4.17/boot' },
      domains: [
        { domid: 0, name: 'Domain-0', images: [] },
        {
          name: 'pv',
          images: [
            { path: '/guests/disks/raw.img', vdev: 'xvda', mode: 'w' },
            { path: '/guests/disks/disk.qcow2', vdev: 'xvdb', mode: 'w' },
          ],
        },
      ],
      paths: { '/guests/disks/raw.img': { kind: 'file', image: { format: 'raw' } } },
      assumed: [],
    });
  });

  it('is listed as by stock xl', async () => {
    expect(withoutTimes(await xlOkay('list'))).toBe(withoutTimes(await stock('list')));
  });

  it('is listed with uuids as by stock xl', async () => {
    const identities = (list: string) => list.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}.*/g);
    expect(identities(await xlOkay('list', '-v'))).toEqual(identities(await stock('list', '-v')));
  });

  it('has its disks listed as by stock xl', async () => {
    expect(await xlOkay('block-list', 'pv')).toBe(await stock('block-list', 'pv'));
  });

  it('gives the guest a raw disk, through blkback', async () => {
    await xlOkay('block-attach', 'pv', '/guests/disks/extra.img,raw,xvdc,rw');
    const backend = '/local/domain/0/backend/vbd/$(xl domid pv)/51744';
    await until('the guest has the disk', async () => (await shell(`xenstore-read ${backend}/state`)) === '4\n');
    expect(await xlOkay('block-list', 'pv')).toBe(await stock('block-list', 'pv'));
  });

  it('gives the guest a qcow2 disk, through its QEMU', async () => {
    await xlOkay('block-attach', 'pv', '/guests/disks/extra.qcow2,qcow2,xvdd,rw');
    const backend = '/local/domain/0/backend/qdisk/$(xl domid pv)/51760';
    await until('the guest has the disk', async () => (await shell(`xenstore-read ${backend}/state`)) === '4\n');
  });

  it('lets the user talk with the guest, which sees four disks', async () => {
    expect(await ask('pv', 'echo disks-$(grep -c xvd /proc/partitions)', 'disks-[0-9]')).toContain('disks-4');
  });

  it('refuses a device that the guest has', async () => {
    const { status, stderr } = await xl('block-attach', 'pv', '/guests/disks/cd1.iso,raw,xvdc,r');
    expect(status).toBe(1);
    expect(stderr).toContain('already exists');
  });

  it('says in the script’s words why it does not serve an image, and leaves nothing', async () => {
    const nodes = await shell('chmod 444 /guests/disks/cd2.iso; xenstore-ls -f | sort');
    const { status, stderr } = await xl('block-attach', 'pv', '/guests/disks/cd2.iso,raw,xvde,rw');
    expect(status).toBe(1);
    expect(stderr.replace(/\s+/g, ' ')).toContain(
      'is read-only, and so I will not mount it read-write in a guest domain.',
    );
    expect(await shell('xenstore-ls -f | sort')).toBe(nodes);
  });

  it('takes the disks away again', async () => {
    await xlOkay('block-detach', 'pv', 'xvdc');
    await xlOkay('block-detach', 'pv', 'xvdd');
    expect(await xlOkay('block-list', 'pv')).toBe(await stock('block-list', 'pv'));
    expect(await shell('losetup --list --noheadings --output BACK-FILE')).not.toContain('extra.img');
    expect(await ask('pv', 'echo disks-$(grep -c xvd /proc/partitions)', 'disks-[0-9]')).toContain('disks-2');
  });

  it('pauses the guest and lets it go on', async () => {
    await xlOkay('pause', 'pv');
    expect(await states('pv')).toMatch(/^--p/);
    await xlOkay('unpause', 'pv');
    expect(await states('pv')).not.toMatch(/^..p/);
  });

  it('destroys the guest, and nothing is left', async () => {
    await xlOkay('destroy', 'pv');
    await until('stock xl’s own process has seen it', async () => (await shell('pgrep -c "^xl$"; true')) === '0\n');
    expect(await traces()).toEqual(before);
    expect(await stock('list')).toBe(await stock('list', '0'));
  });
});
