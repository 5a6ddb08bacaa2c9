import type { Evidence } from '../base/error.ts';
import type { Ports } from './ports.ts';

/** Log lines that go into an error. */
const LOG_LINES = 12;
/** Guests write some of the nodes, so what they say is cut and made printable. */
const VALUE_CHARACTERS = 200;

/** The values of nodes, `PATH = "value"` each; a node that is not there says so. Never throws: it explains errors. */
export async function nodeEvidence(ports: Ports, paths: readonly string[]): Promise<Evidence[]> {
  if (paths.length === 0) return [];
  const lines = await Promise.all(
    paths.map(async (path) => {
      const value = await ports.store.read(path).catch(() => undefined);
      if (value === undefined) return `${path} could not be read`;
      return value === null ? `${path} is not there` : `${path} = "${printable(value)}"`;
    }),
  );
  return [{ title: 'xenstore', lines }];
}

/** The last lines of a log; nothing where there is none. Never throws. */
export async function logEvidence(ports: Ports, log: string): Promise<Evidence[]> {
  const lines = await ports.files.tail(log, LOG_LINES).catch(() => []);
  return lines.length === 0 ? [] : [{ title: `last lines of ${log}`, lines: lines.map(printable) }];
}

/** The last lines of a command's output; nothing where it said nothing. */
export function outputEvidence(title: string, output: string): Evidence[] {
  const lines = output.trimEnd().split('\n').slice(-LOG_LINES);
  return output.trim() === '' ? [] : [{ title, lines: lines.map(printable) }];
}

/** Text of unknown origin as one bounded line without control characters. */
export function printable(text: string): string {
  const cut = text.length > VALUE_CHARACTERS ? `${text.slice(0, VALUE_CHARACTERS)}…` : text;
  return cut.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
