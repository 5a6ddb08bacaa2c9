import { unreachable, XlError, type Evidence } from '../../base/error.ts';
import type { ExitStatus, FilledHypercall, SpawnRequest } from '../../run/ports.ts';
import type { DomainInfo } from './domains.ts';

/**
 * What a command may ask of the daemon. On its socket each request and each answer is one line of JSON; answers carry
 * their request's `id` and come as they are ready, not in order.
 */
export type Request =
  | { readonly op: 'status' }
  | { readonly op: 'list' }
  | { readonly op: 'hypercall'; readonly call: FilledHypercall }
  | { readonly op: 'spawn'; readonly request: SpawnRequest }
  /** Answered when the process has ended. */
  | { readonly op: 'exited'; readonly pid: number }
  | {
      readonly op: 'kill';
      readonly pid: number;
      readonly domid: number;
      readonly signal: NodeJS.Signals;
      readonly graceMs: number;
    }
  /** Commands for the monitor at this socket, which the daemon holds open. */
  | {
      readonly op: 'qmp';
      readonly socket: string;
      readonly commands: readonly MonitorCommand[];
      readonly timeoutMs: number;
    }
  /** Destroys every domain and ends the daemon. */
  | { readonly op: 'stop' };

export interface MonitorCommand {
  readonly execute: string;
  readonly arguments?: unknown;
}

/** What each request is answered with. */
export interface Answers {
  readonly status: HostStatus;
  readonly list: readonly DomainInfo[];
  readonly hypercall: Readonly<Record<string, string>>;
  readonly spawn: { readonly pid: number };
  readonly exited: ExitStatus;
  readonly kill: { readonly found: boolean };
  readonly qmp: readonly unknown[];
  readonly stop: Record<string, never>;
}

/** What the daemon is and has. */
export interface HostStatus {
  readonly pid: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
  readonly xenstored: string;
  readonly domains: number;
  /** What a daemon that was killed before this one had left running; this one has ended it. Told once. */
  readonly lost: readonly LostDomain[];
}

/** A domain whose daemon was killed: nobody could look after it, so it was ended. */
export interface LostDomain {
  readonly domid: number;
  readonly name: string;
  /** Whether its QEMU still ran and was killed. */
  readonly killed: boolean;
}

/** An error as it crosses the socket. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly evidence: readonly Evidence[];
}

export type Answer =
  | { readonly id: number; readonly result: unknown }
  /** `id` is null where the request was too broken to have one. */
  | { readonly id: number | null; readonly error: WireError };

/** The longest line either side takes, in bytes: a QEMU command line of 2 MiB is Linux's own limit. */
export const LONGEST_LINE = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Cuts bytes into lines, however they arrive. Throws XlError `control-line-too-long`; nothing can follow that. */
export class LineSplitter {
  #begun: Buffer[] = [];
  #length = 0;

  push(bytes: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      this.#keep(bytes.subarray(start, end));
      lines.push(Buffer.concat(this.#begun, this.#length).toString('utf8'));
      this.#begun = [];
      this.#length = 0;
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
    return lines;
  }

  #keep(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > LONGEST_LINE) {
      throw new XlError('control-line-too-long', `a line of more than ${LONGEST_LINE} bytes`);
    }
    if (piece.length > 0) this.#begun.push(piece);
  }
}

export const encodeLine = (message: (Request & { readonly id: number }) | Answer): string =>
  JSON.stringify(message) + '\n';

/** The id that a line carries, if it is sound enough to have one. */
export function idOf(line: string): number | null {
  const message = parse(line);
  return isObject(message) && typeof message.id === 'number' ? message.id : null;
}

/** A request from a line. Throws XlError `control-bad-request` that says what is wrong with it. */
export function decodeRequest(line: string): Request {
  const message = parse(line);
  if (!isObject(message)) throw bad('it is no JSON object');
  if (typeof message.id !== 'number') throw bad('it has no id');
  const op = message.op;
  if (!isOp(op)) throw bad(`there is no operation ${JSON.stringify(op ?? null).slice(0, 80)}`);
  switch (op) {
    case 'status':
    case 'list':
    case 'stop':
      return { op };
    case 'hypercall':
      return { op, call: hypercall(message.call) };
    case 'spawn':
      return { op, request: spawnRequest(message.request) };
    case 'exited':
      return { op, pid: positive(message, 'pid') };
    case 'kill':
      return {
        op,
        pid: positive(message, 'pid'),
        domid: natural(message, 'domid'),
        signal: signalName(message.signal),
        graceMs: natural(message, 'graceMs'),
      };
    case 'qmp':
      return {
        op,
        socket: text(message, 'socket'),
        commands: monitorCommands(message.commands),
        timeoutMs: natural(message, 'timeoutMs'),
      };
    default:
      return unreachable(op);
  }
}

/** An answer from a line. Throws XlError `control-bad-answer`. */
export function decodeAnswer(line: string): Answer {
  const message = parse(line);
  if (isObject(message)) {
    const { id, error, result } = message;
    if (isWireError(error) && (id === null || typeof id === 'number')) return { id, error };
    if (typeof id === 'number' && 'result' in message) return { id, result };
  }
  throw new XlError('control-bad-answer', `the daemon answered with ${line.slice(0, 80)}`);
}

/** Any error as it is sent; what is not ours is a fault of the daemon's and says so. */
export function toWire(error: unknown): WireError {
  if (error instanceof XlError) {
    const { code, message, hint, evidence } = error;
    return { code, message, ...(hint === undefined ? {} : { hint }), evidence };
  }
  return { code: 'daemon-fault', message: error instanceof Error ? error.message : String(error), evidence: [] };
}

export const fromWire = ({ code, message, hint, evidence }: WireError): XlError =>
  new XlError(code, message, { hint, evidence });

const OPS = [
  'status',
  'list',
  'hypercall',
  'spawn',
  'exited',
  'kill',
  'qmp',
  'stop',
] as const satisfies Request['op'][];
const isOp = (op: unknown): op is Request['op'] => OPS.some((known) => known === op);

const SIGNALS = ['SIGHUP', 'SIGTERM', 'SIGKILL'] as const;

function hypercall(value: unknown): FilledHypercall {
  if (!isObject(value) || typeof value.op !== 'string') throw bad('`call` is no hypercall');
  return { ...value, op: value.op };
}

function spawnRequest(value: unknown): SpawnRequest {
  if (!isObject(value)) throw bad('`request` is no object');
  const { argv, env, cwd } = value;
  if (!isTexts(argv) || argv.length === 0) throw bad('`argv` is no list of words');
  if (!isObject(env) || !isTexts(Object.values(env))) throw bad('`env` is no table of words');
  return {
    argv,
    env: env as Record<string, string>,
    log: text(value, 'log'),
    domid: natural(value, 'domid'),
    ...(typeof cwd === 'string' ? { cwd } : {}),
  };
}

function monitorCommands(value: unknown): MonitorCommand[] {
  if (!Array.isArray(value)) throw bad('`commands` is no list');
  return value.map((command: unknown) => {
    if (!isObject(command)) throw bad('a command is no object');
    return {
      execute: text(command, 'execute'),
      ...('arguments' in command ? { arguments: command.arguments } : {}),
    };
  });
}

function signalName(value: unknown): NodeJS.Signals {
  const signal = SIGNALS.find((name) => name === value);
  if (signal === undefined) throw bad(`\`signal\` is none of ${SIGNALS.join(', ')}`);
  return signal;
}

function text(message: Readonly<Record<string, unknown>>, key: string): string {
  const value = message[key];
  if (typeof value !== 'string') throw bad(`\`${key}\` is no text`);
  return value;
}

function natural(message: Readonly<Record<string, unknown>>, key: string): number {
  const value = message[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw bad(`\`${key}\` is no number from 0`);
  return value;
}

function positive(message: Readonly<Record<string, unknown>>, key: string): number {
  const value = natural(message, key);
  if (value === 0) throw bad(`\`${key}\` is 0`);
  return value;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const isWireError = (value: unknown): value is WireError =>
  isObject(value) &&
  typeof value.code === 'string' &&
  typeof value.message === 'string' &&
  Array.isArray(value.evidence);

const bad = (what: string): XlError => new XlError('control-bad-request', `the request cannot be read: ${what}`);
