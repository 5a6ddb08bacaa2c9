import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dom0, guestSays, shell, stock, traces, until, xlOkay } from './dom0.ts';
import { boot, BOOT_MS, disksIn, plainDevices, sweepAway, told } from './guests.ts';

/** One disk of each kind, to attach; what the guest reads at its beginning, or null for an image of zeros. */
const MORE_DISKS = [
  { vdev: 'xvdc', disk: '/guests/disks/cd1.iso,raw,xvdc,r', words: 'disc' },
  { vdev: 'xvdd', disk: '/guests/disks/extra.qcow2,qcow2,xvdd,rw', words: null },
  { vdev: 'xvde', disk: 'phy:/dev/loop6,xvde,w', words: 'loop' },
] as const;

/** What stock xl attaches: a file by its script, and an image that QEMU serves. */
const STOCKS_DISKS = [
  { vdev: 'xvdf', disk: '/guests/disks/extra.img,raw,xvdf,rw' },
  { vdev: 'xvdg', disk: '/guests/disks/extra.qcow2,qcow2,xvdg,rw' },
] as const;

/** Types a line at stock's own `xl console`, which wants a terminal; what it showed. */
const stockConsole = (name: string, line: string) =>
  shell(
    `(sleep 2; printf '${line}\\r'; sleep 6; printf '\\035') | timeout 60 script -qec 'xl console -t pv ${name}' /dev/null; true`,
  );

interface Guest {
  readonly name: string;
  readonly type: 'pv' | 'pvh' | 'hvm';
  /** How many disks its configuration has. */
  readonly disks: number;
  readonly consoles: readonly ('pv' | 'serial')[];
}

/** What every guest with a kernel does, from its creation to its end; `more` is what only this one can show. */
function aGuestOfOurs({ name, type, disks, consoles }: Guest, more: () => void): void {
  describe(`${name}, a guest of ours`, () => {
    let before: string[];
    beforeAll(async () => {
      before = await traces();
    });
    afterAll(() => sweepAway(name));

    const bothListTheSameDisks = async () =>
      expect(await xlOkay('block-list', name)).toBe(await stock('block-list', name));

    it(
      'is created and starts',
      async () => {
        await boot(name, () => xlOkay('create', `/guests/${name}.cfg`));
        expect(await shell(`cat /var/log/xen/guest-${name}.log`)).toContain(`hypervisor xen ${type.toUpperCase()}`);
      },
      BOOT_MS,
    );

    it.each(consoles)('answers on its console: %s', async (console) => {
      expect(await told(name, 'cat /sys/hypervisor/guest_type', ['-t', console])).toBe(type.toUpperCase());
    });

    it('is known to stock xl with its configuration and its disks', async () => {
      const [listed] = JSON.parse(await stock('list', '-l', name)) as [
        { config: { c_info: unknown; disks: unknown[] } },
      ];
      expect(listed.config.c_info).toMatchObject({ name, type });
      expect(listed.config.disks).toHaveLength(disks);
      expect(await disksIn(name, disks)).toBe(disks);
      await bothListTheSameDisks();
    });

    it('gets a raw, a qcow2 and a phy disk, reads them, and gives them back', async () => {
      for (const { disk } of MORE_DISKS) await xlOkay('block-attach', name, disk);
      expect(await disksIn(name, disks + MORE_DISKS.length)).toBe(disks + MORE_DISKS.length);
      const begins = MORE_DISKS.filter(({ words }) => words !== null);
      const heads = await told(
        name,
        `for d in ${begins.map(({ vdev }) => vdev).join(' ')}; do head -c 4 /dev/$d; done`,
      );
      expect(heads).toBe(begins.map(({ words }) => words).join(''));
      await bothListTheSameDisks();
      for (const { vdev } of MORE_DISKS) await xlOkay('block-detach', name, vdev);
      expect(await disksIn(name, disks)).toBe(disks);
      await bothListTheSameDisks();
    });

    more();

    it('gets disks from stock xl and gives them back', async () => {
      for (const { disk } of STOCKS_DISKS) await stock('block-attach', name, disk);
      expect(await disksIn(name, disks + STOCKS_DISKS.length)).toBe(disks + STOCKS_DISKS.length);
      await bothListTheSameDisks();
      for (const { vdev } of STOCKS_DISKS) await stock('block-detach', name, vdev);
      expect(await disksIn(name, disks)).toBe(disks);
      await bothListTheSameDisks();
    });

    it('answers on its console to stock xl', async () => {
      expect(await stockConsole(name, 'echo answer-$((6*7))')).toContain('answer-42');
    });

    it(
      'is saved and restored by stock xl',
      async () => {
        await stock('save', name, `/root/${name}.save`);
        expect((await dom0('xl', 'domid', name)).status).not.toBe(0);
        await stock('restore', `/root/${name}.save`);
        await shell(`rm /root/${name}.save`);
        expect(await disksIn(name, disks)).toBe(disks);
        await bothListTheSameDisks();
      },
      BOOT_MS,
    );

    it('is destroyed, and nothing is left', async () => {
      await xlOkay('destroy', name);
      // Its monitor sees the end and goes, too.
      await until('nothing is left', async () => String(await traces()) === String(before));
    });

    it('is destroyed by stock xl, and nothing is left', async () => {
      await xlOkay('create', '-p', `/guests/${name}.cfg`);
      await stock('destroy', name);
      await until('nothing is left', async () => String(await traces()) === String(before));
    });
  });
}

beforeAll(plainDevices);

aGuestOfOurs({ name: 'pvh', type: 'pvh', disks: 2, consoles: ['pv'] }, () => {
  it(
    'starts again when it is told to, under a new number',
    async () => {
      const domid = Number(await xlOkay('domid', 'pvh'));
      await xlOkay('reboot', 'pvh');
      await guestSays('pvh', 'guest: ready', 2);
      expect(Number(await stock('domid', 'pvh'))).toBeGreaterThan(domid);
      expect(await disksIn('pvh', 2)).toBe(2);
    },
    BOOT_MS,
  );
});

aGuestOfOurs({ name: 'pv', type: 'pv', disks: 2, consoles: ['pv'] }, () => {
  it('runs no further while it is paused', async () => {
    await xlOkay('pause', 'pv');
    expect(await stock('list', 'pv')).toContain(' --p--- ');
    await xlOkay('unpause', 'pv');
    expect(await told('pv', 'echo again')).toBe('again');
  });
});

// It begins without a QEMU: the qcow2 disk starts one.
aGuestOfOurs({ name: 'pv-net', type: 'pv', disks: 1, consoles: ['pv'] }, () => {
  it('has both vcpus', async () => {
    expect(await told('pv-net', 'nproc')).toBe('2');
  });

  it('is reached over the bridge', async () => {
    await shell('ip addr add 10.9.9.1/24 dev xenbr0 2> /dev/null; true');
    // The bridge's port learns first.
    await shell('for try in $(seq 20); do busybox ping -c 1 -W 5 10.9.9.2 > /dev/null && exit 0; done; exit 1');
    expect(await xlOkay('network-list', 'pv-net')).toBe(await stock('network-list', 'pv-net'));
  });

  it('goes down when it is told to, is waited for, and its monitor clears it away', async () => {
    await xlOkay('shutdown', '-w', 'pv-net');
    await until('it is gone', async () => (await dom0('xl', 'list', 'pv-net')).status !== 0);
    await boot('pv-net', () => xlOkay('create', '/guests/pv-net.cfg'));
    // The QEMU that stock xl does not start.
    await xlOkay('block-attach', 'pv-net', MORE_DISKS[1].disk);
    await xlOkay('block-detach', 'pv-net', MORE_DISKS[1].vdev);
  });
});

aGuestOfOurs({ name: 'hvm', type: 'hvm', disks: 2, consoles: ['pv', 'serial'] }, () => undefined);

describe('an HVM guest of ours that boots from its disk', () => {
  afterAll(() => sweepAway('hvm-disk'));

  it('runs its boot sector, which is heard on the serial line', async () => {
    const before = await traces();
    await xlOkay('create', '/guests/hvm-disk.cfg');
    const terminal = '$(xenstore-read /local/domain/$(xl domid hvm-disk)/serial/0/tty)';
    expect(await shell(`timeout 200 head -1 < ${terminal}`)).toContain('guest: boot sector ready');
    await xlOkay('destroy', 'hvm-disk');
    await until('nothing is left', async () => String(await traces()) === String(before));
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
