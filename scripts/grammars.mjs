// Generates grammar/generated/NAME.js and NAME.d.ts from each grammar/NAME.peggy.
// Parsers are made at build time: peggy at run time would cost every start about 50 ms.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import peggy from 'peggy';

const root = join(import.meta.dirname, '..');
const from = join(root, 'grammar');
const to = join(from, 'generated');

export function generateGrammars({ force = false } = {}) {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from).filter((name) => name.endsWith('.peggy'))) {
    const source = join(from, file);
    const target = join(to, file.replace(/\.peggy$/, '.js'));
    if (!force && isNewer(target, source)) continue;
    const text = readFileSync(source, 'utf8');
    // `/* start: A, B */` on a grammar's first line names the rules that callers may start from.
    const start = /^\/\* start: ([\w, ]+) \*\//.exec(text)?.[1].split(/,\s*/);
    const code = peggy.generate(text, {
      output: 'source',
      format: 'es',
      grammarSource: file,
      ...(start ? { allowedStartRules: start } : {}),
    });
    writeFileSync(target, code);
    writeFileSync(target.replace(/\.js$/, '.d.ts'), declarations(start));
  }
}

/** What a caller sees of a generated parser; the tree's own types are hand-written beside the code that reads it. */
function declarations(start) {
  const rule = start ? start.map((name) => `'${name}'`).join(' | ') : 'string';
  return `export interface Position { offset: number; line: number; column: number }
export interface Location { source: unknown; start: Position; end: Position }
export class SyntaxError extends globalThis.SyntaxError {
  location: Location;
  expected: { type: string; text?: string; description?: string }[] | null;
  found: string | null;
}
export interface Options { grammarSource?: unknown; startRule?: ${rule}; [key: string]: unknown }
export function parse(text: string, options?: Options): unknown;
`;
}

function isNewer(target, source) {
  const stamp = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return stamp(target) > Math.max(stamp(source), stamp(import.meta.filename));
}

if (process.argv[1] === import.meta.filename) generateGrammars({ force: process.argv.includes('--force') });
