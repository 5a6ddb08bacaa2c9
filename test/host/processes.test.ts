import { spawn as start } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { realClock } from '../../lib/host/real/clock.ts';
import { isAlive, ownIdentity, startTimeOf } from '../../lib/host/real/identity.ts';
import { realProcesses } from '../../lib/host/real/processes.ts';
import { temporaryDirectory } from './temporary.ts';

const signal = new AbortController().signal;
const run = (script: string, timeoutMs = 10_000, by = signal): ReturnType<typeof realProcesses.run> =>
  realProcesses.run({ argv: ['/bin/sh', '-c', script], env: { GIVEN: 'yes' }, timeoutMs }, by);

describe('a command', () => {
  test('gives its status and what it said on both streams', async () => {
    const { output, ...status } = await run('echo out; echo "$GIVEN" >&2; exit 3');
    expect(status).toEqual({ code: 3, signal: null, timedOut: false });
    expect(output.split('\n').toSorted()).toEqual(['', 'out', 'yes']);
  });

  test('is ended past its bound, and its children with it', async () => {
    const directory = await temporaryDirectory();
    const outcome = await run(`sleep 600 & echo $! > ${directory}/child; wait`, 300);
    expect(outcome).toMatchObject({ timedOut: true, signal: 'SIGTERM' });
    const child = Number(await readFile(`${directory}/child`, 'utf8'));
    await expect.poll(() => startTimeOf(child)).toBeNull();
  });

  test('that ignores the request to end is killed', async () => {
    expect(await run('trap "" TERM; while :; do sleep 0.05; done', 100)).toMatchObject({
      timedOut: true,
      signal: 'SIGKILL',
    });
  });

  test('is ended when the run is broken off', async () => {
    const breakOff = new AbortController();
    setTimeout(() => breakOff.abort(), 100);
    expect(await run('sleep 600', 60_000, breakOff.signal)).toMatchObject({ timedOut: false, signal: 'SIGTERM' });
  });

  test('has ended when it has exited, even if its own child keeps the pipe open', async () => {
    const directory = await temporaryDirectory();
    const outcome = await run(`sleep 30 & echo $! > ${directory}/child; echo done`);
    expect(outcome).toMatchObject({ code: 0, output: 'done\n' });
    process.kill(Number(await readFile(`${directory}/child`, 'utf8')), 'SIGKILL');
  });

  test('that says a lot is heard to the end, of which the last part is kept', async () => {
    const { output } = await run('i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done');
    expect(output.length).toBeLessThanOrEqual(65_536);
    expect(output.endsWith('line 19999\n')).toBe(true);
  });

  test('that is not there is an error that names it', async () => {
    const missing = realProcesses.run({ argv: ['/none/block', 'add'], env: {}, timeoutMs: 1000 }, signal);
    await expect(missing).rejects.toMatchObject({
      code: 'program-missing',
      message: 'there is no program /none/block',
    });
  });
});

describe('a spawned process', () => {
  const spawn = async (script: string, domid = 7): Promise<{ pid: number; log: string; exited: Promise<unknown> }> => {
    const log = `${await temporaryDirectory()}/qemu.log`;
    const started = await realProcesses.spawn({ argv: ['/bin/sh', '-c', script], env: {}, log, domid }, signal);
    onTestFinished(async () => {
      await realProcesses.kill({ pid: started.pid, domid, signal: 'SIGKILL', graceMs: 2000 });
    });
    return { ...started, log };
  };

  test('lives in a session of its own and writes into its log', async () => {
    const { pid, log, exited } = await spawn('echo out; echo err >&2; exit 4');
    expect(await exited).toEqual({ code: 4, signal: null });
    expect(await readFile(log, 'utf8')).toBe('out\nerr\n');
    expect(pid).toBeGreaterThan(1);
  });

  test('leads a session, so that Ctrl-C at our terminal does not reach it', async () => {
    const { pid } = await spawn('exec sleep 600');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3];
    expect(session).toBe(String(pid));
  });

  test('is ended by its domain, and the end is waited for', async () => {
    const { pid, exited } = await spawn('exec sleep 600');
    expect(await realProcesses.kill({ pid, domid: 7, signal: 'SIGHUP', graceMs: 5000 })).toBe(true);
    expect(await startTimeOf(pid)).toBeNull();
    expect(await exited).toEqual({ code: null, signal: 'SIGHUP' });
  });

  test('is killed where it does not end within the grace', async () => {
    const { pid, exited, log } = await spawn('trap "" HUP; echo ready; while :; do sleep 0.05; done');
    await expect.poll(() => readFile(log, 'utf8')).toBe('ready\n');
    await realProcesses.kill({ pid, domid: 7, signal: 'SIGHUP', graceMs: 200 });
    expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('of another domain is never touched', async () => {
    const { pid } = await spawn('exec sleep 600', 8);
    expect(await realProcesses.kill({ pid, domid: 7, signal: 'SIGKILL', graceMs: 0 })).toBe(false);
    expect(await startTimeOf(pid)).not.toBeNull();
  });

  test('that is not there is an error', async () => {
    const log = `${await temporaryDirectory()}/log`;
    const missing = realProcesses.spawn({ argv: ['/none/qemu'], env: {}, log, domid: 7 }, signal);
    await expect(missing).rejects.toMatchObject({ code: 'program-missing' });
  });
});

describe('killing', () => {
  test('finds stock xl’s QEMU by its -xen-domid', async () => {
    const child = start('/bin/sh', ['-c', 'while :; do sleep 0.05; done', '-xen-domid', '9'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await expect.poll(() => readFile(`/proc/${child.pid}/cmdline`, 'utf8')).toContain('-xen-domid');
    const target = { pid: child.pid!, signal: 'SIGTERM', graceMs: 2000 } as const;
    expect(await realProcesses.kill({ ...target, domid: 90 })).toBe(false);
    expect(await realProcesses.kill({ ...target, domid: 9 })).toBe(true);
  });

  test('without a pid ends the device model that we have started for the domain, and no other process', async () => {
    const log = `${await temporaryDirectory()}/qemu.log`;
    const request = (domid: number, ...more: string[]) => ({
      argv: ['/bin/sh', '-c', 'while :; do sleep 0.05; done', ...more],
      env: {},
      log,
      domid,
    });
    const ours = await realProcesses.spawn(request(31_000, '-xen-domid', '31000'), signal);
    const others = [
      await realProcesses.spawn(request(31_000), signal),
      await realProcesses.spawn(request(31_001, '-xen-domid', '31001'), signal),
    ];
    onTestFinished(async () => {
      for (const { pid } of [ours, ...others]) {
        for (const domid of [31_000, 31_001])
          await realProcesses.kill({ pid, domid, signal: 'SIGKILL', graceMs: 2000 });
      }
    });
    const target = { pid: null, domid: 31_000, signal: 'SIGTERM', graceMs: 5000 } as const;
    await expect.poll(() => readFile(`/proc/${ours.pid}/cmdline`, 'utf8')).toContain('-xen-domid');
    expect(await realProcesses.kill(target)).toBe(true);
    expect(await realProcesses.kill(target)).toBe(false);
    for (const { pid } of others) expect(await startTimeOf(pid)).not.toBeNull();
  });

  test('leaves a process alone that nothing says is a domain’s', async () => {
    expect(await realProcesses.kill({ pid: process.pid, domid: 7, signal: 'SIGKILL', graceMs: 0 })).toBe(false);
  });
});

describe('an identity', () => {
  test('is alive with its own start time, not with another', async () => {
    const me = await ownIdentity();
    expect(await isAlive(me)).toBe(true);
    expect(await isAlive({ ...me, startTime: '1' })).toBe(false);
  });

  test('of a zombie is dead', async () => {
    // The shell becomes a sleep that never waits for the child it had.
    const parent = start('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))));
    await expect.poll(() => startTimeOf(pid)).toBeNull();
  });
});

test('the clock sleeps until it is broken off', async () => {
  await expect(realClock.sleep(60_000, AbortSignal.timeout(5))).rejects.toThrow();
  await sleep(0);
  expect(realClock.monotonic()).toBeGreaterThan(0);
  expect(Math.abs(realClock.now() - Date.now() / 1000)).toBeLessThan(5);
});
