import { closeSync, constants, open } from 'node:fs';
import type { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';
import { promisify } from 'node:util';
import { errnoOf, XlError } from '../../base/error.ts';
import type { StoreView } from '../../run/ports.ts';
import { takeFlock } from './flock.ts';

/**
 * Which of a domain's consoles: the one that xenconsoled serves, a serial line that QEMU emulates, or the one that its
 * users expect, which is the serial line of an HVM guest (libxl_console.c:libxl__primary_console_find).
 */
export interface ConsoleChoice {
  readonly type: 'pv' | 'serial' | 'primary';
  readonly num: number;
}

/** The console that `create -c` shows. */
export const PRIMARY_CONSOLE: ConsoleChoice = { type: 'primary', num: 0 };

/** Where one program at a time says that it has a domain's console (tools/console/client/main.c:console_lock). */
const lockFile = (domid: number): string => `/var/lock/xenconsole.${domid}`;

/**
 * Joins a domain's console, both ways: what xenconsoled or QEMU kept comes first. Two that read one terminal would each
 * get half of it, so the lock of stock xenconsole is taken until the stream closes. Throws XlError `console-gone` where
 * nobody serves such a console, `console-busy` where somebody else reads it.
 */
export async function openXenConsole(
  domid: number,
  choice: ConsoleChoice,
  { store, signal }: { readonly store: StoreView; readonly signal: AbortSignal },
): Promise<Duplex> {
  const release = await takeConsole(domid, signal);
  try {
    const terminal = await openTerminal(await terminalOf(domid, choice, store));
    terminal.once('close', () => void release());
    return terminal;
  } catch (error) {
    await release();
    throw error;
  }
}

async function takeConsole(domid: number, signal: AbortSignal): Promise<() => Promise<void>> {
  try {
    return await takeFlock(lockFile(domid), { timeoutMs: 0, signal });
  } catch (error) {
    if (!(error instanceof XlError) || error.code !== 'lock-timeout') throw error;
    throw new XlError('console-busy', 'Unable to attach console: another program is connected to it', {
      cause: error,
      hint: `leave it there first; it holds ${lockFile(domid)}`,
    });
  }
}

/** The pseudo-terminal's path. Guests cannot write these nodes. */
async function terminalOf(domid: number, { type, num }: ConsoleChoice, store: StoreView): Promise<string> {
  const isSerial = type === 'serial' || (type === 'primary' && (await store.read(`/libxl/${domid}/type`)) === 'hvm');
  const node = isSerial ? `serial/${num}` : num === 0 ? 'console' : `device/console/${num}`;
  const path = await store.read(`/local/domain/${domid}/${node}/tty`);
  if (path !== null && /^\/dev\/pts\/\d{1,9}$/.test(path)) return path;
  throw gone(isSerial ? `QEMU serves no serial line ${num}` : `xenconsoled serves no console ${num}`, undefined);
}

async function openTerminal(path: string): Promise<Duplex> {
  try {
    const fd = await promisify(open)(path, constants.O_RDWR | constants.O_NOCTTY);
    // Both ways, whatever its name says. It opens the terminal once more for itself, and leaves the first one to us.
    return new ReadStream(fd).once('close', () => closeSync(fd));
  } catch (error) {
    throw gone(`${path} does not open: ${errnoOf(error) ?? String(error)}`, error);
  }
}

const gone = (why: string, cause: unknown): XlError =>
  new XlError('console-gone', `Unable to attach console: ${why}`, {
    cause,
    hint: '`xl list` shows whether the domain still runs',
  });
