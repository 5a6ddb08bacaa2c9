import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { lastLines, realFiles } from '../../lib/host/real/files.ts';
import { ownIdentity } from '../../lib/host/real/identity.ts';
import { takeLock } from '../../lib/host/real/lock.ts';
import { rotateLog } from '../../lib/host/real/log.ts';
import { temporaryDirectory } from './temporary.ts';

const soon = { timeoutMs: 100, signal: new AbortController().signal };
const patient = (): Parameters<typeof takeLock>[1] => ({ timeoutMs: 10_000, signal: new AbortController().signal });
const neverStarted = { pid: 4_194_304, startTime: '1' };

describe('files', () => {
  test('are written whole, with the mode that was asked for whatever the umask', async () => {
    const directory = await temporaryDirectory();
    await realFiles.write(`${directory}/f`, 'old', 0o600);
    await realFiles.write(`${directory}/f`, 'new', 0o666);
    expect(await readFile(`${directory}/f`, 'utf8')).toBe('new');
    expect((await stat(`${directory}/f`)).mode & 0o777).toBe(0o666);
    expect(await readdir(directory), 'no draft is left').toEqual(['f']);
  });

  test('that cannot be written are an error that names them, and leave nothing', async () => {
    const directory = await temporaryDirectory();
    await mkdir(`${directory}/taken`);
    await expect(realFiles.write(`${directory}/taken`, '', 0o600)).rejects.toMatchObject({ code: 'file-failed' });
    await expect(realFiles.write(`${directory}/none/f`, '', 0o600)).rejects.toThrow(
      `cannot write ${directory}/none/f: ENOENT`,
    );
    expect(await readdir(directory)).toEqual(['taken']);
  });

  test('on a full disk say so', async () => {
    if (!existsSync('/dev/full')) {
      console.log('skipped: there is no /dev/full here');
      return;
    }
    await expect(realFiles.append('/dev/full', 'x')).rejects.toMatchObject({ code: 'disk-full' });
  });

  test('are appended to by lines, made private, and read back', async () => {
    const directory = await temporaryDirectory();
    const path = `${directory}/journal`;
    await realFiles.append(path, 'one');
    await realFiles.append(path, 'two\nthree');
    expect(await realFiles.read(path)).toBe('one\ntwo\nthree\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await realFiles.list(directory)).toEqual(['journal']);
  });

  test('that are missing are read as nothing, listed as nothing, and removed in peace', async () => {
    const directory = await temporaryDirectory();
    expect(await realFiles.read(`${directory}/none`)).toBeNull();
    expect(await realFiles.list(`${directory}/none`)).toEqual([]);
    expect(await realFiles.tail(`${directory}/none`, 3)).toEqual([]);
    await realFiles.remove(`${directory}/none`);
  });

  test('give their last lines, however long they are', async () => {
    const directory = await temporaryDirectory();
    await writeFile(`${directory}/log`, `${'x'.repeat(200_000)}\nlast but one\nlast\n`);
    expect(await realFiles.tail(`${directory}/log`, 2)).toEqual(['last but one', 'last']);
  });

  test.each<[string, string[]]>([
    ['', []],
    ['a', ['a']],
    ['a\nb\n', ['a', 'b']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['a\n\n', ['a', '']],
  ])('lines of %j', (text, lines) => {
    expect(lastLines(text, 5)).toEqual(lines);
  });
});

describe('a log', () => {
  test('moves back when its next process begins, ten old ones are kept', async () => {
    const directory = await temporaryDirectory();
    for (let run = 1; run <= 13; run += 1) {
      await rotateLog(`${directory}/q.log`);
      await writeFile(`${directory}/q.log`, String(run));
    }
    expect(await readFile(`${directory}/q.log.1`, 'utf8')).toBe('12');
    expect(await readFile(`${directory}/q.log.10`, 'utf8')).toBe('3');
    expect(await readdir(directory)).toHaveLength(11);
  });
});

describe('a lock', () => {
  test('keeps the next one waiting until it is given back', async () => {
    const directory = await temporaryDirectory();
    const order: string[] = [];
    const release = await takeLock(`${directory}/lock`, patient());
    const second = takeLock(`${directory}/lock`, patient()).then((release) => {
      order.push('taken');
      return release;
    });
    order.push('given back');
    await release();
    await (
      await second
    )();
    expect(order).toEqual(['given back', 'taken']);
    expect(await readdir(directory)).toEqual([]);
  });

  test('that is held past the bound is an error that names the holder', async () => {
    const directory = await temporaryDirectory();
    const release = await takeLock(`${directory}/lock`, patient());
    await expect(takeLock(`${directory}/lock`, soon)).rejects.toMatchObject({
      code: 'lock-timeout',
      message: `process ${process.pid} holds ${directory}/lock; waited 0.1 s for it`,
    });
    await release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('is not waited for once the wait is broken off', async () => {
    const directory = await temporaryDirectory();
    const release = await takeLock(`${directory}/lock`, patient());
    const breakOff = new AbortController();
    const waiting = takeLock(`${directory}/lock`, { timeoutMs: 60_000, signal: breakOff.signal });
    breakOff.abort(new Error('Ctrl-C'));
    await expect(waiting).rejects.toThrow('Ctrl-C');
    await release();
    expect(await readdir(directory)).toEqual([]);
  });

  test.each([
    ['whose owner is dead', {}],
    ['of before the last boot', { bootId: 'another' }],
  ])('%s is taken over by one of many', async (_, changes) => {
    const directory = await temporaryDirectory();
    const path = `${directory}/lock`;
    const me = await ownIdentity();
    const owner = 'bootId' in changes ? { ...me, ...changes } : { ...me, ...neverStarted };
    await writeFile(path, JSON.stringify(owner));
    let holders = 0;
    const use = async (): Promise<void> => {
      const release = await takeLock(path, patient());
      holders += 1;
      expect(holders).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      holders -= 1;
      await release();
    };
    await Promise.all(Array.from({ length: 12 }, use));
    expect(await readdir(directory)).toEqual([]);
  });

  test('is taken over even where a taker-over died, too', async () => {
    const directory = await temporaryDirectory();
    const dead = JSON.stringify({ ...(await ownIdentity()), ...neverStarted });
    await writeFile(`${directory}/lock`, dead);
    await writeFile(`${directory}/lock.takeover`, dead);
    await (
      await takeLock(`${directory}/lock`, patient())
    )();
    expect(await readdir(directory)).toEqual([]);
  });

  test('that is not of our kind is never broken', async () => {
    const directory = await temporaryDirectory();
    await writeFile(`${directory}/lock`, '');
    await expect(takeLock(`${directory}/lock`, soon)).rejects.toThrow('another program holds');
    expect(await readdir(directory)).toEqual(['lock']);
  });

  test('in a directory that is not there says so', async () => {
    const directory = await temporaryDirectory();
    await expect(takeLock(`${directory}/none/lock`, soon)).rejects.toMatchObject({ code: 'lock-failed' });
  });
});
