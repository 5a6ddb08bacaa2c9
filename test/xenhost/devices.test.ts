import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dom0, guestSays, shell, stock, traces, xl, xlOkay } from './dom0.ts';

/** Loop devices that have this file. */
const loopsOf = (file: string) => shell(`losetup --noheadings --output NAME --associated ${file}`);
const IMAGE = '/guests/disks/extra.img';

describe('a raw file for a PV guest', () => {
  let before: string[];

  beforeAll(async () => {
    before = await traces();
    await stock('create', '/guests/pv.cfg');
    await guestSays('pv', 'guest: ready');
  });
  afterAll(() => dom0('xl', 'destroy', 'pv'));

  it('gets to blkback without a script, with the nodes that the script writes', async () => {
    await xlOkay('block-attach', 'pv', `${IMAGE},raw,xvdc,rw`);
    const backend = '/local/domain/0/backend/vbd/$(xl domid pv)/51744';
    const node = (await shell(`xenstore-read ${backend}/node`)).trim();
    expect(await loopsOf(IMAGE)).toBe(`${node}\n`);
    expect(await shell(`xenstore-read ${backend}/physical-device-path ${backend}/hotplug-status`)).toBe(
      `${node}\nconnected\n`,
    );
    expect(await shell(`xenstore-read ${backend}/physical-device`)).toBe(await shell(`stat -c %t:%T ${node}`));
  });

  it('is not given away again while it is written, and who has it is said', async () => {
    const { status, stderr } = await xl('block-attach', 'pv', `${IMAGE},raw,xvde,r`);
    expect(status).toBe(1);
    expect(stderr).toMatch(/extra\.img is in use: pv \(domain \d+\) has it as xvdc, read-write/);
    expect((await loopsOf(IMAGE)).split('\n')).toHaveLength(2);
  });

  it('is taken away by stock xl, loop device and all', async () => {
    await stock('block-detach', 'pv', 'xvdc');
    expect(await loopsOf(IMAGE)).toBe('');
  });

  it('is taken away by us where stock xl attached it', async () => {
    await stock('block-attach', 'pv', `${IMAGE},raw,xvdc,rw`);
    expect(await loopsOf(IMAGE)).not.toBe('');
    await xlOkay('block-detach', 'pv', 'xvdc');
    expect(await loopsOf(IMAGE)).toBe('');
  });

  it('has its vcpu pinned as by stock xl', async () => {
    const pinned = async () => /\S+ \/ .*$/m.exec((await stock('vcpu-list', 'pv')).split('\n')[1]!)?.[0];
    await xlOkay('vcpu-pin', 'pv', '0', '1');
    expect(await pinned()).toBe('1 / all');
    await xlOkay('vcpu-pin', 'pv', 'all', '0-1', '0');
    expect(await pinned()).toBe('all / 0');
    expect((await xl('-N', 'vcpu-pin', 'pv', '0', '0', '1')).stdout).toBe(
      await stock('-N', 'vcpu-pin', 'pv', '0', '0', '1'),
    );
    expect((await xl('vcpu-pin', 'pv', '5', '0')).stderr).toContain("Could not set affinity for vcpu `5'.");
  });

  it('leaves nothing when the guest goes', async () => {
    await xlOkay('destroy', 'pv');
    await shell('while pgrep -x xl; do sleep 0.2; done');
    expect(await traces()).toEqual(before);
  });
});

describe('an emulated PC', () => {
  const CONFIG = `
name = "pc"
type = "hvm"
memory = 128
maxvcpus = 2
serial = "pty"
disk = [ "/guests/disks/hvm.img,raw,hda,rw", "/guests/disks/cd1.iso,raw,hdc,cdrom" ]
`;
  const disc = async () =>
    /ide-5632[^\n]*/.exec(await shell("xl qemu-monitor-command pc 'info block'"))?.[0].replace(/^.*?: /, '');
  const params = () =>
    shell(
      'd=$(xl domid pc); xenstore-read /libxl/$d/device/vbd/5632/params /local/domain/0/backend/qdisk/$d/5632/params',
    );

  beforeAll(async () => {
    await shell(`cat > /tmp/pc.cfg <<'END'\n${CONFIG}\nEND\nxl create -q /tmp/pc.cfg`);
  });
  afterAll(() => dom0('xl', 'destroy', 'pc'));

  it('gets another disc, and gives it back', async () => {
    await xlOkay('cd-insert', 'pc', 'hdc', '/guests/disks/cd2.iso');
    expect(await disc()).toContain('/guests/disks/cd2.iso');
    expect(await params()).toBe('aio:/guests/disks/cd2.iso\naio:/guests/disks/cd2.iso\n');
    await xlOkay('cd-eject', 'pc', 'hdc');
    expect(await disc()).toContain('[not inserted]');
    expect(await params()).toBe('\n\n');
  });

  it('gets a disc into a drive that stock xl has emptied', async () => {
    await xlOkay('cd-insert', 'pc', 'hdc', '/guests/disks/cd1.iso');
    await stock('cd-eject', 'pc', 'hdc');
    await xlOkay('cd-insert', 'pc', 'hdc', '/guests/disks/cd1.iso');
    expect(await disc()).toContain('/guests/disks/cd1.iso');
  });

  it('has no other drive, and gets no disc that is none', async () => {
    expect((await xl('cd-insert', 'pc', 'hdd', '/guests/disks/cd1.iso')).stderr).toContain('Virtual device not found');
    expect((await xl('cd-insert', 'pc', 'hdc', '/none.iso')).stderr).toContain('Cannot stat file: /none.iso');
  });

  it('gets a second processor, and gives none back', async () => {
    await xlOkay('vcpu-set', 'pc', '2');
    expect((await shell("xl qemu-monitor-command pc 'info cpus'")).match(/CPU #/g)).toHaveLength(2);
    expect((await xl('vcpu-set', 'pc', '1')).stderr).toContain('an emulated PC gives none back');
    expect((await xl('vcpu-set', '-i', 'pc', '3')).stderr).toContain('Requested 3 VCPUs, however maxcpus is 2!');
  });

  it('is asked to end by its power button', async () => {
    expect((await xl('shutdown', 'pc')).stderr).toContain('PV control interface not available');
    const { status, stderr } = await xl('shutdown', '-F', 'pc');
    expect([status, stderr]).toEqual([0, expect.stringContaining('sending ACPI power button event.')]);
  });
});

it('the host’s layout is printed as by stock xl', async () => {
  // Nothing runs: what is free does not change between the two.
  expect(await xlOkay('info', '-n')).toBe(await stock('info', '-n'));
});
