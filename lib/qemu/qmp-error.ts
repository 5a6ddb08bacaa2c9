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

/** QEMU's words can carry what the guest or an image gave it, at any length. */
const longestDescription = 1000;

/** QEMU's refusal of a command. */
export function commandError(command: string, refusal: Extract<QmpMessage, { kind: 'error' }>): XlError {
  const code = commandErrorCodes.get(refusal.errorClass) ?? 'qmp-error';
  return new XlError(code, `QEMU refused ${command}: ${refusal.description.slice(0, longestDescription)}`);
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
export function strayAnswer(path: string, message: QmpMessage): XlError {
  const lines = [JSON.stringify(message).slice(0, longestDescription)];
  return new XlError('qmp-malformed', `the monitor ${path} answered what nobody asked`, {
    hint: 'is this the monitor of a QEMU?',
    evidence: [{ title: 'received', lines }],
  });
}
