import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { takeFlock } from '../../../lib/host/xen/flock.ts';
import { temporaryDirectory } from '../temporary.ts';

const signal = new AbortController().signal;
const isFree = (path: string) => spawnSync('flock', ['--nonblock', path, 'true']).status === 0;

/** Another program that holds the lock until its input ends, as stock xl would. */
async function anotherHolder(path: string): Promise<() => void> {
  const child = spawn('flock', [path, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void child.stdin.end());
  await once(child.stdout, 'data');
  return () => void child.stdin.end();
}

describe('a lock as libxl takes it', () => {
  it('keeps other programs out until it is given back, and leaves no file', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    const release = await takeFlock(path, { timeoutMs: 1000, signal });
    expect(isFree(path)).toBe(false);
    await release();
    expect(existsSync(path)).toBe(false);
  });

  it('waits for another program', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    const letGo = await anotherHolder(path);
    const taking = takeFlock(path, { timeoutMs: 10_000, signal });
    letGo();
    await (
      await taking
    )();
  });

  it('gives up in the end', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    await anotherHolder(path);
    await expect(takeFlock(path, { timeoutMs: 0, signal })).rejects.toMatchObject({ code: 'lock-timeout' });
  });

  it('gives up when told to', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    await anotherHolder(path);
    const controller = new AbortController();
    const taking = takeFlock(path, { timeoutMs: 10_000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(taking).rejects.toThrow('enough');
  });

  it('is held by one at a time, also where each holder removes the file', async () => {
    const path = join(await temporaryDirectory(), 'lock');
    let holders = 0;
    let most = 0;
    const one = async () => {
      const release = await takeFlock(path, { timeoutMs: 10_000, signal });
      holders += 1;
      most = Math.max(most, holders);
      await new Promise(setImmediate);
      holders -= 1;
      await release();
    };
    await Promise.all(Array.from({ length: 8 }, one));
    expect(most).toBe(1);
  });

  it('says where its file cannot be', async () => {
    const path = join(await temporaryDirectory(), 'missing', 'lock');
    await expect(takeFlock(path, { timeoutMs: 0, signal })).rejects.toMatchObject({ code: 'lock-failed' });
  });
});
