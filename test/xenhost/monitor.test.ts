import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dom0, guestSays, shell, stock, traces, until, xl, xlOkay } from './dom0.ts';

const log = (name: string) => shell(`cat /var/log/xen/xl-${name}.log`);
const domid = async (name: string) => Number(await shell(`xl domid ${name} || echo 0`));
const monitorPid = async () =>
  Number(await shell('sed "s/.*\\"pid\\":\\([0-9]*\\).*/\\1/" /var/run/xen/xl-ts/monitor-*.json'));

describe('the monitor of a guest of ours', () => {
  let before: string[];

  beforeAll(async () => {
    await shell('rm -f /var/log/xen/guest-pv.log; kill -HUP $(cat /var/run/xen/xenconsoled.pid)');
    before = await traces();
    await xlOkay('create', '/guests/pv.cfg');
    await guestSays('pv', 'guest: ready');
  });
  afterAll(() => dom0('xl', 'destroy', 'pv'));

  it('says what it waits for, and needs little', async () => {
    expect(await log('pv')).toMatch(/^Waiting for domain pv \(domid \d+\) to die \[pid \d+\]$/m);
    const status = await shell(`grep -E 'VmRSS|RssAnon|Threads' /proc/${await monitorPid()}/status`);
    console.log(status.replaceAll(/\s+/g, ' '));
    expect(Number(/RssAnon:\s+(\d+) kB/.exec(status)![1])).toBeLessThan(40 * 1024);
  });

  it('makes the domain again when the guest reboots', async () => {
    const first = await domid('pv');
    await stock('reboot', 'pv');
    await until('the guest has another number', async () => ![0, first].includes(await domid('pv')));
    await guestSays('pv', 'guest: ready', 2);
    expect(await log('pv')).toContain(`Domain ${first} has shut down, reason code 1 0x1\n`);
    expect(await log('pv')).toContain('Action for shutdown reason code 1 is restart\n');
  });

  it('is missed when it dies, and replaced', async () => {
    await shell(`kill -9 ${await monitorPid()}`);
    expect((await xl('list')).stderr).toContain('nobody looks after pv');
    await xlOkay('monitor', 'pv');
    expect((await xl('list')).stderr).not.toContain('nobody looks after');
    expect((await xl('monitor', 'pv')).status).toBe(1);
  });

  it('clears the domain away when the guest switches itself off, and ends', async () => {
    const pid = await monitorPid();
    await stock('shutdown', 'pv');
    await until('the domain is gone', async () => (await domid('pv')) === 0);
    await until('the monitor has ended', async () => (await shell(`test -d /proc/${pid} && echo runs; true`)) === '');
    expect(await traces()).toEqual(before);
    expect((await log('pv')).trimEnd()).toMatch(/Done\. Exiting now$/);
  });

  it('leaves to stock xl what stock xl has made', async () => {
    await stock('create', '-p', '/guests/pvh.cfg');
    const { status, stderr } = await xl('monitor', 'pvh');
    expect([status, stderr.includes('was not made by xl-ts')]).toEqual([1, true]);
    await stock('destroy', 'pvh');
    await until('stock xl’s own process has seen it', async () => (await shell('pgrep -c "^xl$"; true')) === '0\n');
  });
});
