import { XlError } from '../lib/base/error.ts';

/** xl's exit status for a command line that it cannot read. */
export const EXIT_USAGE = 2;

/**
 * The error for a wrong command line. Its message is printed bare, in xl's words (`xl_utils.c:def_getopt`), so that
 * scripts which look for them find them.
 */
export function usageError(code: string, message: string, options: { hint?: string; exitCode?: number } = {}): XlError {
  return new XlError(`usage-${code}`, message, { exitCode: EXIT_USAGE, ...options });
}

/** Whether an error is about the command line itself. */
export const isUsageError = (error: unknown): boolean => error instanceof XlError && error.code.startsWith('usage-');
