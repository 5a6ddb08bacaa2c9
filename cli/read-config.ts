import { errorFrom, XlError, type Diagnostic } from '../lib/base/error.ts';
import { decodeDomain } from '../lib/config/decode.ts';
import type { Decoded } from '../lib/config/domain.ts';
import { parseConfig } from '../lib/config/parse.ts';
import type { GivenConfig } from '../lib/monitor/given.ts';
import { readInput, systemReason } from '../lib/host/input.ts';

/** xl's exit status for a configuration file that it cannot read (ERROR_FAIL). */
const EXIT_UNREADABLE = 3;

/** A configuration from the command line. */
export interface ConfigSource {
  readonly file: string;
  /** `key=value` words. */
  readonly overrides: readonly string[];
  /** What xl refuses is refused. */
  readonly strict: boolean;
  /** What becomes of keys that we cannot act on yet. */
  readonly unsupported?: 'refuse' | 'read';
}

/** A configuration that has been read: what it says, and what it takes to read it once more. */
export interface ReadConfig extends Decoded {
  readonly given: GivenConfig;
}

/** Reads and decodes a configuration. Throws an XlError with all that is wrong with it, in order of position. */
export function readConfig({ file, overrides, strict, unsupported = 'refuse' }: ConfigSource): ReadConfig {
  const bytes = readFile(file);
  const parsed = parseConfig(bytes, { source: file, overrides });
  const { config, diagnostics } = decodeDomain(parsed, { source: file, unsupported });
  const all = [...parsed.warnings, ...diagnostics];
  if (strict) refuseWarnings(all);
  const text = Buffer.from(bytes).toString('latin1');
  return { config, diagnostics: all, given: { file, text, overrides, directory: process.cwd() } };
}

function readFile(file: string): Uint8Array {
  try {
    return readInput(file);
  } catch (error) {
    if (error instanceof XlError) throw error;
    throw new XlError('config-unreadable', `Failed to read config file: ${file}: ${systemReason(error)}`, {
      exitCode: EXIT_UNREADABLE,
    });
  }
}

/** `--strict`: a warning is an error. */
function refuseWarnings(diagnostics: readonly Diagnostic[]): void {
  if (!diagnostics.some(({ severity }) => severity === 'warning')) return;
  throw errorFrom(
    diagnostics.map((diagnostic) =>
      diagnostic.severity === 'warning' ? { ...diagnostic, severity: 'error' } : diagnostic,
    ),
  );
}
