import { basename } from 'node:path';
import { main } from './main.ts';
import { abortOnSignals } from './signals.ts';
import { processTerminal } from './terminal.ts';

let signal: AbortSignal | undefined;

/** Under these names, which its users of 2006 know, the program is that command. */
const called = basename(process.argv[1] ?? '');
const words = process.argv.slice(2);

void main(called === 'cowd' || called === 'dscow_tool' ? [called, ...words] : words, {
  terminal: processTerminal(),
  environment: process.env,
  get signal() {
    return (signal ??= abortOnSignals());
  },
}).then((status) => {
  // Set, not forced: what is still on its way into a pipe gets written.
  process.exitCode = status;
});
