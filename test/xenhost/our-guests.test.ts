import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, dom0, guestSays, shell, stock, traces, until, xlOkay } from './dom0.ts';

/** The harness's guests with a kernel, and what each says that it is. */
const GUESTS = [
  { name: 'pvh', type: 'PVH' },
  { name: 'pv', type: 'PV' },
  { name: 'hvm', type: 'HVM' },
] as const;

describe.each(GUESTS)('a $type guest of ours', ({ name, type }) => {
  let before: string[];

  beforeAll(async () => {
    // What an earlier guest of that name has said is not this one's.
    await shell(`rm -f /var/log/xen/guest-${name}.log; kill -HUP $(cat /var/run/xen/xenconsoled.pid)`);
    before = await traces();
  });
  afterAll(() => dom0('xl', 'destroy', name));

  it('is created and starts', async () => {
    await xlOkay('create', `/guests/${name}.cfg`);
    await guestSays(name, 'guest: ready');
    expect(await shell(`cat /var/log/xen/guest-${name}.log`)).toContain(`hypervisor xen ${type}`);
  });

  it('has its disks, as stock xl sees them too', async () => {
    expect(await ask(name, 'echo disks-$(grep -c xvd /proc/partitions)', 'disks-[0-9]', ['-t', 'pv'])).toContain(
      'disks-2',
    );
    expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));
  });

  it('is known to stock xl with its configuration', async () => {
    const [listed] = JSON.parse(await stock('list', '-l', name)) as [{ config: { c_info: unknown; disks: unknown[] } }];
    expect(listed.config.c_info).toMatchObject({ name, type: name });
    expect(listed.config.disks).toHaveLength(2);
  });

  it('takes a disk from stock xl, and gives it back', async () => {
    await stock('block-attach', name, '/guests/disks/extra.img,raw,xvdc,rw');
    expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));
    await stock('block-detach', name, 'xvdc');
    expect(await xlOkay('block-list', name)).not.toContain('51744');
  });

  it('is destroyed, and nothing is left', async () => {
    await xlOkay('destroy', name);
    expect(await traces()).toEqual(before);
  });
});

describe('an HVM guest of ours that boots from its disk', () => {
  afterAll(() => dom0('xl', 'destroy', 'hvm-disk'));

  it('runs its boot sector, which is heard on the serial line', async () => {
    const before = await traces();
    await xlOkay('create', '/guests/hvm-disk.cfg');
    const terminal = '$(xenstore-read /local/domain/$(xl domid hvm-disk)/serial/0/tty)';
    expect(await shell(`timeout 200 head -1 < ${terminal}`)).toContain('guest: boot sector ready');
    await xlOkay('destroy', 'hvm-disk');
    expect(await traces()).toEqual(before);
  });
});

describe('a domid', () => {
  it('is not used again for a while, whichever toolstack had it', async () => {
    const domid = async () => Number(await shell('xl domid pvh'));
    await stock('create', '-p', '/guests/pvh.cfg');
    const first = await domid();
    await xlOkay('destroy', 'pvh');
    expect(await shell('cat /var/run/xen/domid-history')).toMatch(new RegExp(` ${first}$`, 'm'));
    await xlOkay('create', '-p', '/guests/pvh.cfg');
    expect(await domid()).toBeGreaterThan(first);
    await stock('destroy', 'pvh');
    await until('it is gone', async () => (await stock('list')).split('\n').length === 3);
  });
});
