import { XlError } from '../base/error.ts';
import { decodeDomain } from '../config/decode.ts';
import type { Decoded } from '../config/domain.ts';
import { parseConfig } from '../config/parse.ts';

/** A configuration as it was given: what it takes to read it once more. */
export interface GivenConfig {
  /** The file's name, for messages. */
  readonly file: string;
  /** Its bytes, each as one character (latin1). */
  readonly text: string;
  /** `key=value` words of the command line. */
  readonly overrides: readonly string[];
  /** Where its relative paths count from. */
  readonly directory: string;
}

/** What we keep of a domain that we made: with it a monitor makes the domain again, and `gc` knows the domain for ours. */
export interface Given extends GivenConfig {
  readonly schema: 1;
}

/** The text of a domain's given file. */
export const givenText = ({ file, text, overrides, directory }: GivenConfig): string =>
  `${JSON.stringify({ schema: 1, file, text, overrides, directory } satisfies Given)}\n`;

/** Reads a domain's given file. Throws XlError `given-broken` for what is none. */
export function readGiven(text: string): Given {
  const given = parse(text);
  if (!isGiven(given)) {
    throw new XlError('given-broken', 'what was kept of the domain’s configuration cannot be read', {
      hint: 'the domain can be destroyed, and made again from its configuration file',
    });
  }
  return given;
}

/** The configuration once more, as `create` has read it. Throws XlError with what is wrong with it. */
export const decodeGiven = ({ file, text, overrides }: GivenConfig): Decoded =>
  decodeDomain(parseConfig(Uint8Array.from(text, byteOf), { source: file, overrides }), { source: file });

const byteOf = (character: string): number => character.charCodeAt(0);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isGiven(value: unknown): value is Given {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, file, text, overrides, directory } = value as Partial<Record<keyof Given, unknown>>;
  const isText = (item: unknown): boolean => typeof item === 'string';
  return schema === 1 && [file, text, directory].every(isText) && Array.isArray(overrides) && overrides.every(isText);
}
