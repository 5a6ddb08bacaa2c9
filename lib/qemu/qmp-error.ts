import { errnoOf, XlError } from '../base/error.ts';
import type { QmpMessage } from './qmp-codec.ts';

/** QEMU's error classes (qemu/qapi/error.json) as our codes; any other is `qmp-error`. */
const commandErrorCodes: ReadonlyMap<string, string> = new Map([
  ['GenericError', 'qmp-generic-error'],
  ['CommandNotFound', 'qmp-command-not-found'],
  ['DeviceNotActive', 'qmp-device-not-active'],
  ['DeviceNotFound', 'qmp-device-not-found'],
  ['KVMMissingCap', 'qmp-kvm-missing-cap'],
]);

const longestDescription = 1000;

/** QEMU's words can carry what a guest or an image gave it, at any length: nothing that a terminal would obey. */
const harmless = (words: string): string => words.slice(0, longestDescription).replace(/\p{Cc}/gu, ' ');

/** QEMU's refusal of a command. */
export function commandError(command: string, refusal: Extract<QmpMessage, { kind: 'error' }>): XlError {
  const code = commandErrorCodes.get(refusal.errorClass) ?? 'qmp-error';
  return new XlError(code, `QEMU refused ${command}: ${harmless(refusal.description)}`);
}

/** A monitor that cannot be connected to, or whose connection broke. */
export function socketError(path: string, cause: Error): XlError {
  const errno = errnoOf(cause) ?? cause.message;
  if (errno === 'ECONNRESET' || errno === 'EPIPE') return goneError(path, cause);
  return new XlError('qmp-unreachable', `the monitor ${path} cannot be reached: ${errno}`, {
    hint: errno === 'EACCES' ? "the socket is another user's" : "is the domain's QEMU still running?",
    cause,
  });
}

/** QEMU ended, or ended the conversation. */
export function goneError(path: string, cause?: Error): XlError {
  return new XlError('qmp-gone', `QEMU closed its monitor ${path}`, {
    hint: 'QEMU has probably exited: see its log',
    cause,
  });
}

/** `subject` is what did not come, as a noun phrase. */
export function timeoutError(path: string, subject: string, timeoutMs: number): XlError {
  return new XlError('qmp-timeout', `${subject} did not come from the monitor ${path} within ${timeoutMs / 1000} s`, {
    hint: 'QEMU hangs, or another client is connected: a monitor talks to one at a time',
  });
}

/** We ended the conversation ourselves while someone waited. */
export const closedError = (path: string): XlError =>
  new XlError('qmp-closed', `the connection to the monitor ${path} is closed`);

/** An answer that belongs to no command of ours: nothing that follows can be trusted. */
export const strayAnswer = (message: QmpMessage): XlError =>
  malformed('an answer that nobody asked for', JSON.stringify(message));

/** What no monitor of a QEMU sends, as a noun phrase, and the line itself. */
export function malformed(what: string, line?: string, cause?: unknown): XlError {
  return new XlError('qmp-malformed', `the monitor sent ${what}`, {
    hint: 'is this the monitor of a QEMU?',
    evidence: line === undefined ? [] : [{ title: 'received', lines: [harmless(line)] }],
    cause,
  });
}
