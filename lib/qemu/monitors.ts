import { QmpClient } from './qmp-client.ts';

/** A command as plain JSON. */
export interface PlainCommand {
  readonly execute: string;
  readonly arguments?: unknown;
}

/**
 * Sends commands in order over one connection to the monitor at `socket`, each after the answer to the one before; the
 * answers' `return` values. The time is for all together. The first refusal ends it as the XlError of `qmp-error.ts`.
 * This is lib/run's `Monitors.execute`.
 */
export async function executeAll(
  socket: string,
  commands: readonly PlainCommand[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<unknown[]> {
  const end = performance.now() + timeoutMs;
  const rest = (): { timeoutMs: number; signal: AbortSignal } => ({
    timeoutMs: Math.max(0, Math.round(end - performance.now())),
    signal,
  });
  const client = await QmpClient.connect(socket, rest());
  try {
    const answers: unknown[] = [];
    for (const command of commands) answers.push(await client.execute(command.execute, command.arguments, rest()));
    return answers;
  } finally {
    client.close();
  }
}
