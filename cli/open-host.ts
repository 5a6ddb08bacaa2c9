import type { Diagnostic } from '../lib/base/error.ts';
import { bootId, isAlive } from '../lib/host/real/identity.ts';
import { recoverJournals, type RecoveredRun } from '../lib/run/recover.ts';
import type { CommandContext } from './command.ts';
import { chooseHost, type Host } from './host.ts';
import { printDiagnostics } from './print/error.ts';

/**
 * Opens the host, does something on it, and lets go of it again, whatever happens. What earlier commands that were killed
 * have left half done is taken back first, unless the caller only wants to look.
 */
export async function withHost<T>(
  context: CommandContext,
  body: (host: Host) => Promise<T>,
  { recover = true }: { readonly recover?: boolean } = {},
): Promise<T> {
  const host = recover ? await openHost(context) : await openKind(context);
  try {
    return await body(host);
  } finally {
    host.close();
  }
}

/** The host to act on, with nothing half done on it. */
async function openHost(context: CommandContext): Promise<Host> {
  const host = await openKind(context);
  try {
    const { journal, ports } = host;
    const { signal } = context;
    const recovered = await recoverJournals(journal.directory, ports, { bootId: await bootId(), isAlive, signal });
    printDiagnostics(recovered.map(takenBack), context.terminal);
    return host;
  } catch (error) {
    host.close();
    throw error;
  }
}

/** Loaded here: neither host needs the other's code, and the native calls are Xen's alone. */
async function openKind(context: CommandContext): Promise<Host> {
  switch (chooseHost(context).kind) {
    case 'xen':
      return (await import('./xen.ts')).openXenHost(context);
    case 'embedded':
      return (await import('./embedded.ts')).openEmbeddedHost(context);
  }
}

function takenBack({ title, undone, problems }: RecoveredRun): Diagnostic {
  const steps = undone.length === 0 ? 'nothing of it was left' : `taken back: ${undone.join(', ')}`;
  return {
    severity: 'warning',
    code: 'run-recovered',
    message: `"${title}" had been killed half way; ${steps}`,
    ...(problems.length === 0 ? {} : { hint: `not wholly: ${problems.join('; ')}` }),
  };
}
