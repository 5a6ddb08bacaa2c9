import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dom0, shell, stock, traces, until, xl, xlOkay } from './dom0.ts';
import { boot, disksIn, plainDevices, told } from './guests.ts';

/** The harness's guests with a kernel; what each says that it is, and how many disks it has. */
const GUESTS = [
  { name: 'pvh', type: 'pvh', disks: 2, consoles: ['pv'], hasQemu: true },
  { name: 'pv', type: 'pv', disks: 2, consoles: ['pv'], hasQemu: true },
  { name: 'pv-net', type: 'pv', disks: 1, consoles: ['pv'], hasQemu: false },
  { name: 'hvm', type: 'hvm', disks: 2, consoles: ['pv', 'serial'], hasQemu: true },
] as const;

beforeAll(plainDevices);

describe.each(GUESTS)('$name, a guest of ours', ({ name, type, disks, consoles, hasQemu }) => {
  let before: string[];

  beforeAll(async () => {
    before = await traces();
  });
  afterAll(() => dom0('xl', 'destroy', name));

  it('is created and starts', async () => {
    await boot(name, () => xlOkay('create', `/guests/${name}.cfg`));
    expect(await shell(`cat /var/log/xen/guest-${name}.log`)).toContain(`hypervisor xen ${type.toUpperCase()}`);
  });

  it.each(consoles)('answers on its console: %s', async (console) => {
    expect(await told(name, 'cat /sys/hypervisor/guest_type', ['-t', console])).toBe(type.toUpperCase());
  });

  it('has its disks, as stock xl sees them too', async () => {
    expect(await disksIn(name, disks)).toBe(disks);
    expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));
  });

  it('is known to stock xl with its configuration', async () => {
    const [listed] = JSON.parse(await stock('list', '-l', name)) as [{ config: { c_info: unknown; disks: unknown[] } }];
    expect(listed.config.c_info).toMatchObject({ name, type });
    expect(listed.config.disks).toHaveLength(disks);
  });

  const formats = [
    { format: 'raw', vdev: 'xvdc', disk: '/guests/disks/cd1.iso,raw,xvdc,r', words: 'disc' },
    { format: 'qcow2', vdev: 'xvdd', disk: '/guests/disks/extra.qcow2,qcow2,xvdd,rw', words: null },
    { format: 'phy', vdev: 'xvde', disk: 'phy:/dev/loop6,xvde,w', words: 'loop' },
  ].filter(({ format }) => hasQemu || format !== 'qcow2');

  it.each(formats)('gets a disk and gives it back: $format', async ({ vdev, disk, words }) => {
    await xlOkay('block-attach', name, disk);
    expect(await disksIn(name, disks + 1)).toBe(disks + 1);
    if (words !== null) expect(await told(name, `head -c 5 /dev/${vdev}`)).toContain(words);
    expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));
    await xlOkay('block-detach', name, vdev);
    expect(await disksIn(name, disks)).toBe(disks);
    expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));
  });

  // As with stock xl: a PV guest has a QEMU only where it began with a disk or a screen that needs one.
  if (!hasQemu)
    it('gets no disk that only a QEMU could serve', async () => {
      const { status, stderr } = await xl('block-attach', name, '/guests/disks/extra.qcow2,qcow2,xvdd,rw');
      expect(status).toBe(1);
      expect(stderr).toContain('backend');
      expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));
    });

  it('is destroyed, and nothing is left', async () => {
    await xlOkay('destroy', name);
    expect(await traces()).toEqual(before);
  });
});

describe('pv-net, which has an interface and two vcpus', () => {
  beforeAll(() => boot('pv-net', () => xlOkay('create', '/guests/pv-net.cfg')));
  afterAll(() => dom0('xl', 'destroy', 'pv-net'));

  it('has both vcpus', async () => {
    expect(await told('pv-net', 'nproc')).toBe('2');
  });

  it('is reached over the bridge', async () => {
    await shell('ip addr add 10.9.9.1/24 dev xenbr0 2> /dev/null; true');
    // The bridge's port learns first.
    await shell('for try in $(seq 20); do busybox ping -c 1 -W 5 10.9.9.2 > /dev/null && exit 0; done; exit 1');
    expect(await xlOkay('network-list', 'pv-net')).toBe(await stock('network-list', 'pv-net'));
  });

  it('ends when it is told to, and is waited for', async () => {
    await xlOkay('shutdown', '-w', 'pv-net');
    await until(
      'stock xl sees its end',
      async () => / [r-][b-]-s/.test(await stock('list')) || (await dom0('xl', 'list', 'pv-net')).status !== 0,
    );
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

describe('a guest that stock xl makes, and one of ours', () => {
  /** What Xen knows of a new domain that somebody made: its CPUID, its vcpus’ registers and devices, what it may do. */
  const twin = (create: string, name: string) =>
    shell(`
      ${create} -p /guests/${name}.cfg > /dev/null 2>&1
      id=$(xl domid ${name}); bin=$(ls -d /usr/lib/xen-*/bin | head -1)
      $bin/xen-cpuid -p $id | sed 1d
      # Not what runs: the counter, the clock, the timer.
      [ ${name} = pv ] || $bin/xen-hvmctx $id | grep -vE 'for domain|tsc 0x|RTC: regs|TMR_VAL'
      xl sched-credit2 -d ${name} | awk '{ print $3, $4 }'
      xl destroy ${name}`);

  it.each(['pv', 'pvh', 'hvm-disk'])('are to Xen the same: %s', async (name) => {
    const ours = await twin('node /opt/xl-ts/dist/xl.cjs --host xen create', name);
    expect(ours).toContain('00000001:ffffffff');
    expect(ours).toBe(await twin('xl create', name));
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
