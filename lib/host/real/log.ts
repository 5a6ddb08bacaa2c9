import { rename } from 'node:fs/promises';
import { errnoOf } from '../../base/error.ts';

/** libxl keeps ten old logs: NAME.log, NAME.log.1 … NAME.log.10 (`libxl_utils.c:libxl_create_logfile`). */
const KEPT = 10;

/** Moves a log and its forerunners one place back, so that the next process begins a log of its own. */
export async function rotateLog(path: string): Promise<void> {
  if (!(await moved(path, `${path}.0`))) return;
  for (let age = KEPT - 1; age >= 0; age -= 1) await moved(`${path}.${age}`, `${path}.${age + 1}`);
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
