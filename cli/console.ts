import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Terminal } from './terminal.ts';
import { usageError } from './usage.ts';

/** How a talk with a console goes. */
export interface ConsoleTalk {
  readonly terminal: Terminal;
  /** The key that leaves, with Ctrl: `]`. */
  readonly escape: string;
  readonly signal: AbortSignal;
}

/**
 * Joins the user's terminal and a console until the guest ends or the user leaves with Ctrl and the escape key. On a
 * terminal every other key goes to the guest, Ctrl-C too.
 */
export async function talkTo(console: Duplex, { terminal, escape, signal }: ConsoleTalk): Promise<void> {
  const leave = controlCode(escape);
  const { stdin } = process;
  const raw = stdin.isTTY;
  if (raw) terminal.err(`console: Ctrl-${escape} leaves\n`);

  const onInput = (bytes: Buffer): void => {
    const end = raw ? bytes.indexOf(leave) : -1;
    if (end < 0) console.write(bytes);
    else console.end(bytes.subarray(0, end), () => console.destroy());
  };
  const onAbort = (): void => void console.destroy();
  const closed = once(console, 'close');
  // The guest's bytes go out as they are: a terminal is what they are meant for.
  console.pipe(process.stdout, { end: false });
  // A connection that breaks has ended; 'close' follows.
  console.on('error', () => undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  stdin.on('data', onInput);
  if (raw) stdin.setRawMode(true);
  try {
    if (signal.aborted) onAbort();
    await closed;
  } finally {
    if (raw) stdin.setRawMode(false);
    stdin.off('data', onInput);
    stdin.pause();
    signal.removeEventListener('abort', onAbort);
    if (raw) terminal.err('\n');
  }
}

/** The code that a terminal sends for Ctrl and a key: `]` is 0x1d. */
export function controlCode(key: string): number {
  const code = key.length === 1 ? key.toUpperCase().charCodeAt(0) : -1;
  if (code >= 0x40 && code <= 0x5f) return code - 0x40;
  throw usageError('escape-key', `Ctrl cannot be pressed with "${key}".`, {
    hint: 'the escape key is a letter or one of @ [ \\ ] ^ _',
  });
}
