/** Exit status of a process that a signal ended, as shells count it. */
const exitStatusOf = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * A signal that fires at the first Ctrl-C, SIGTERM or SIGHUP, so that what was begun can be taken back. A second one ends
 * the process at once; the journal of the run stays, and the next command takes back what it names.
 */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitStatusOf[name]);
      controller.abort(name);
    });
  }
  return controller.signal;
}
