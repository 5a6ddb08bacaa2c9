import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dom0, guestSays, shell, stock, until, xl, xlOkay, type Outcome } from './dom0.ts';
import { boot, BOOT_MS, plainDevices, sweepAway, told } from './guests.ts';

const stockXl = (...words: readonly string[]) => dom0('xl', ...words);
/** Without CPU seconds, states, and the CPU that a vcpu is on: two commands at two times need not agree about these. */
const withoutTimes = (text: string) =>
  text.replace(/ +(\d+|-) +[r-][b-][p-] +[\d.]+/g, ' CPU').replace(/ +[r-][b-][p-][s-][c-][d-] +[\d.]+$/gm, ' STATE');
const withoutSeconds = (text: string) => text.replace(/:\d\d(?!\d|:)/g, ':SS');
const same = (text: string) => text;

/** What both say, each of which must be right: status and stdout. Stock xl is asked before and after, as clocks go on. */
async function bothSay(words: readonly string[], view: (text: string) => string = same): Promise<string> {
  const seen = ({ status, stdout }: Outcome) => ({ status, stdout: view(stdout) });
  const [first, ours, last] = [await stockXl(...words), await xl(...words), await stockXl(...words)];
  expect([seen(first), seen(last)]).toContainEqual(seen(ours));
  return ours.stdout;
}

beforeAll(plainDevices);

describe('of the host, both say', () => {
  it('what Xen and the machine are', async () => {
    const info = await bothSay(['info'], (text) => text.replace(/^(free_memory +:).*/m, '$1'));
    expect(info).toContain('xen_version            : 4.17.7');
  });

  it('one line of it by its beginning', () => bothSay(['info', 'xen']));

  it('what Xen wrote', async () => {
    expect(await bothSay(['dmesg'])).toContain('Xen');
  });

  it('how long it runs', () => bothSay(['uptime'], withoutSeconds));

  it('what the debug keys say', async () => {
    await xlOkay('dmesg', '-c');
    await xlOkay('debug-keys', 'h');
    await until('Xen has written it', async () => (await stock('dmesg')).includes("'h' pressed"));
    expect(await stock('dmesg')).toContain('key');
  });

  it('that there is no such domain', async () => {
    for (const words of [
      ['domid', 'nobody'],
      ['domname', '77'],
      ['mem-set', 'nobody', '64'],
      ['rename', 'nobody', 'x'],
      ['reboot', 'nobody'],
    ]) {
      const [ours, stocks] = [await xl(...words), await stockXl(...words)];
      expect([words, ours.status]).toEqual([words, stocks.status]);
      expect(ours.stdout).toBe(stocks.stdout);
    }
  });
});

describe('of a guest made by stock xl', () => {
  const name = 'pv-net';
  beforeAll(() => boot(name, () => stock('create', `/guests/${name}.cfg`)), BOOT_MS);
  afterAll(async () => {
    await sweepAway(name);
    await sweepAway('other-name');
  });

  it('both say its number and its name', async () => {
    const domid = (await bothSay(['domid', name])).trim();
    expect(await bothSay(['domname', domid])).toBe(`${name}\n`);
    expect(await bothSay(['vm-list'])).toContain(name);
  });

  it('both list it, its vcpus and for how long it runs', async () => {
    await bothSay(['list'], withoutTimes);
    await bothSay(['list', name], withoutTimes);
    expect(await bothSay(['vcpu-list', name], withoutTimes)).toContain('all / all');
    await bothSay(['vcpu-list'], withoutTimes);
    await bothSay(['uptime', name], withoutSeconds);
    await bothSay(['uptime', '-s', name], (text) => withoutSeconds(text).replace(/^ \d\d:/, ''));
  });

  it('both see its interfaces; ours and stock’s commands attach and detach them', async () => {
    const interfaces = () => bothSay(['network-list', name]);
    const inGuest = (count: number) =>
      until(
        `the guest has ${count} interfaces`,
        async () => (await told(name, 'ls /sys/class/net | grep -c eth')) === String(count),
      );
    await interfaces();
    await xlOkay('network-attach', name, 'bridge=xenbr0', 'mac=00:16:3e:01:02:04');
    await inGuest(2);
    expect(await interfaces()).toContain('00:16:3e:01:02:04');
    await stock('network-detach', name, '1');
    await inGuest(1);
    await stock('network-attach', name, 'bridge=xenbr0', 'mac=00:16:3e:01:02:05');
    await inGuest(2);
    await interfaces();
    await xlOkay('network-detach', name, '00:16:3e:01:02:05');
    await inGuest(1);
    expect((await interfaces()).split('\n')).toHaveLength(3);
  });

  it('both set its memory, and the guest follows', async () => {
    const nodes = () =>
      shell(
        `for node in target static-max; do xenstore-read /local/domain/$(xl domid ${name})/memory/$node; done; xl list -l ${name} | grep -E 'memkb'`,
      );
    const follows = (least: number, most: number) =>
      until('the guest has followed', async () => {
        const mib = Number(/ (\d+) +2 /.exec(await stock('list', name))?.[1]);
        return mib >= least && mib <= most;
      });
    await stock('mem-set', name, '100');
    const stocks = await nodes();
    await follows(99, 101);
    await stock('mem-set', name, '120');
    await follows(119, 121);
    await xlOkay('mem-set', name, '100');
    expect(await nodes()).toBe(stocks);
    await follows(99, 101);

    await stock('mem-max', name, '124');
    const stocksMost = await nodes();
    await stock('mem-max', name, '128');
    await xlOkay('mem-max', name, '124');
    expect(await nodes()).toBe(stocksMost);
    for (const words of [
      ['mem-set', name, '4000'],
      ['mem-max', name, '10'],
      ['mem-set', name, 'much'],
    ]) {
      expect([words, (await xl(...words)).status]).toEqual([words, (await stockXl(...words)).status]);
    }
  });

  it('the guest hears magic keys', async () => {
    await xlOkay('sysrq', name, 'h');
    await until(
      'the guest has written its help',
      async () => (await told(name, "dmesg | grep -c 'sysrq: HELP'")) === '1',
    );
  });

  it('both rename it', async () => {
    await xlOkay('rename', name, 'other-name');
    expect(await bothSay(['list'], withoutTimes)).toContain('other-name');
    await stock('rename', 'other-name', name);
    await bothSay(['domid', name]);
    const [ours, stocks] = [await xl('rename', name, name), await stockXl('rename', name, name)];
    expect(ours.status).toBe(stocks.status);
  });

  it('both pause it and let it go on', async () => {
    await xlOkay('pause', name);
    expect(await stock('list', name)).toContain(' --p--- ');
    await stock('unpause', name);
    expect(await xlOkay('list', name)).not.toContain('--p');
  });

  it(
    'it reboots when we ask it to, and the monitor that its maker left starts it again',
    async () => {
      const domid = await stock('domid', name);
      await xlOkay('reboot', name);
      await guestSays(name, 'guest: ready', 2);
      expect(await bothSay(['domid', name])).not.toBe(domid);
    },
    BOOT_MS,
  );
});
