import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QmpClient } from '../../lib/qemu/qmp-client.ts';
import { XlError } from '../../lib/base/error.ts';

export const qemuBinary = 'qemu-system-x86_64';

/** Whether tests with a real QEMU can run; says so if not. */
export function haveQemu(): boolean {
  const found = spawnSync(qemuBinary, ['--version']).status === 0;
  if (!found) console.warn(`skipped: ${qemuBinary} is not installed (apt-get install qemu-system-x86)`);
  return found;
}

/** A directory of the test's own, short enough for a socket's path. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'xl-qemu-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface RunningQemu {
  readonly client: QmpClient;
  /** Ends it and waits for that. */
  readonly stop: () => Promise<void>;
}

/** Starts a command whose monitor listens on `socket`, and connects. Fails with QEMU's words where it exits. */
export async function startQemu(argv: readonly string[], socket: string): Promise<RunningQemu> {
  const [binary = qemuBinary, ...args] = argv;
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-4000)));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  for (;;) {
    if (child.exitCode !== null) throw new Error(`QEMU exited with ${child.exitCode}: ${words}`);
    try {
      const client = await QmpClient.connect(socket, { timeoutMs: 15_000 });
      return {
        client,
        stop: () => {
          client.close();
          return stop();
        },
      };
    } catch (error) {
      if (!(error instanceof XlError) || error.code !== 'qmp-unreachable') {
        await stop();
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
