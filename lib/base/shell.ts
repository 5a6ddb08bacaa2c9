import { show, type Bindings, type Text } from './text.ts';

/** A word as a POSIX shell reads it back: bare where it is harmless, else in single quotes. */
export function shellQuote(word: string): string {
  // A first `=`, as in `a=b`, would make the word an assignment only in front of a command, and argv[0] is never one.
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * A text as a shell reads it back, with the holes that nothing fills as variables: `"vif${domid}.0-emu"`. So a line
 * that was printed before the domain has a number can be pasted after `domid=7`.
 */
export function shellQuoteText(text: Text, bindings: Bindings = {}): string {
  if (typeof text === 'string') return shellQuote(text);
  const parts = text.parts.map((part) => (typeof part === 'string' ? part : (bindings[part.hole] ?? part)));
  if (parts.every((part) => typeof part === 'string')) return shellQuote(parts.join(''));
  const inner = parts.map((part) => (typeof part === 'string' ? escapeInDoubleQuotes(part) : show({ parts: [part] })));
  return `"${inner.join('')}"`;
}

/** The words on one line, to be pasted. */
export const shellLine = (words: readonly Text[], bindings: Bindings = {}): string =>
  words.map((word) => shellQuoteText(word, bindings)).join(' ');

/**
 * The words as lines that a shell reads as one command: the program, then every option with its argument on a line of
 * its own. A word is taken for an option where it begins with a dash; an argument that does so gets its own line too.
 */
export function shellLines(words: readonly Text[], bindings: Bindings = {}): string[] {
  const lines: string[] = [];
  words.forEach((word, index) => {
    const quoted = shellQuoteText(word, bindings);
    if (index === 0) lines.push(quoted);
    else if (index === 1 || show(word, bindings).startsWith('-')) lines.push(`  ${quoted}`);
    else lines.push(`${lines.pop() ?? ''} ${quoted}`);
  });
  return lines.map((line, index) => (index === lines.length - 1 ? line : `${line} \\`));
}

const escapeInDoubleQuotes = (literal: string): string => literal.replace(/["\\$`]/g, '\\$&');
