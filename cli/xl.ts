import { main } from './main.ts';
import { abortOnSignals } from './signals.ts';
import { processTerminal } from './terminal.ts';

let signal: AbortSignal | undefined;

void main(process.argv.slice(2), {
  terminal: processTerminal(),
  environment: process.env,
  get signal() {
    return (signal ??= abortOnSignals());
  },
}).then((status) => {
  // Set, not forced: what is still on its way into a pipe gets written.
  process.exitCode = status;
});
