import { malformed } from './qmp-error.ts';

/** A message from QEMU's monitor (qemu/docs/interop/qmp-spec.rst). `id` is what the command carried, if it got so far. */
export type QmpMessage =
  /** Opens the conversation; `version` is QEMU's own, `7.2.22`. */
  | { readonly kind: 'greeting'; readonly version: string }
  | { readonly kind: 'return'; readonly id: unknown; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: unknown; readonly errorClass: string; readonly description: string }
  | ({ readonly kind: 'event' } & QmpEvent);

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When QEMU saw it, in seconds since 1970; null where QEMU does not know. */
  readonly time: number | null;
}

/** QEMU's longest answer, its schema, has a few hundred thousand bytes; what is far beyond is no QEMU. */
const longestLine = 16 * 1024 * 1024;
const newline = 0x0a;

/** A command as QEMU reads it, one line of JSON. */
export function encodeCommand(id: number, execute: string, commandArguments?: unknown): string {
  return JSON.stringify({ execute, arguments: commandArguments, id }) + '\n';
}

/**
 * Reads a monitor's bytes, however they are cut. Every byte is looked at once. Throws an XlError `qmp-malformed` for
 * what is no QMP; the conversation has no way on from there.
 */
export class QmpDecoder {
  readonly #lineLimit: number;
  /** The line that has begun: the first `#length` bytes. */
  #line = Buffer.alloc(0);
  #length = 0;

  constructor(options: { readonly lineLimit?: number } = {}) {
    this.#lineLimit = options.lineLimit ?? longestLine;
  }

  /** The messages that these bytes complete; those before a malformed one come before its throw. Go through them all. */
  *push(bytes: Uint8Array): Generator<QmpMessage, void> {
    let start = 0;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
      this.#keep(bytes.subarray(start, end));
      start = end + 1;
      const line = this.#takeLine().trim();
      if (line !== '') yield decodeMessage(line);
    }
    this.#keep(bytes.subarray(start));
  }

  #keep(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#lineLimit) throw malformed(`a line of more than ${this.#lineLimit} bytes`);
    if (length > this.#line.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#line.length));
      this.#line.copy(larger, 0, 0, this.#length);
      this.#line = larger;
    }
    this.#line.set(piece, this.#length);
    this.#length = length;
  }

  #takeLine(): string {
    const line = this.#line.toString('utf8', 0, this.#length);
    this.#length = 0;
    return line;
  }
}

function decodeMessage(line: string): QmpMessage {
  const message = parseJson(line);
  if (!isObject(message)) throw malformed('a line that is no JSON object', line);
  if (isObject(message.QMP)) return { kind: 'greeting', version: versionOf(message.QMP) };
  if ('return' in message) return { kind: 'return', id: message.id, value: message.return };
  if (isObject(message.error)) {
    const { class: errorClass, desc } = message.error;
    return {
      kind: 'error',
      id: message.id,
      errorClass: textOr(errorClass, 'GenericError'),
      description: textOr(desc, ''),
    };
  }
  if (typeof message.event === 'string') {
    const data = isObject(message.data) ? message.data : {};
    return { kind: 'event', name: message.event, data, time: timeOf(message.timestamp) };
  }
  throw malformed('a message of no known kind', line);
}

function versionOf(greeting: Readonly<Record<string, unknown>>): string {
  const version = isObject(greeting.version) ? greeting.version : {};
  const { major, minor, micro } = isObject(version.qemu) ? version.qemu : {};
  const numbers = [major, minor, micro];
  if (!numbers.every((number) => typeof number === 'number')) throw malformed('a greeting without a version');
  return numbers.join('.');
}

/** QEMU writes -1 seconds where its clock fails. */
function timeOf(timestamp: unknown): number | null {
  if (!isObject(timestamp)) return null;
  const { seconds, microseconds } = timestamp;
  if (typeof seconds !== 'number' || typeof microseconds !== 'number' || seconds < 0) return null;
  return seconds + microseconds / 1e6;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (cause) {
    throw malformed('a line that is no JSON', line, cause);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOr = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
