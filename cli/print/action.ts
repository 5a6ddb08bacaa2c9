import { unreachable } from '../../lib/base/error.ts';
import { shellLine, shellLines } from '../../lib/base/shell.ts';
import { isTemplate, show, type Bindings, type Text } from '../../lib/base/text.ts';
import type { KeptChange } from '../../lib/libxl-json/change.ts';
import type { Hypercall } from '../../lib/plan/hypercall.ts';
import type { Action, ActionLock, BlockAction, FileAction, Json, QmpAction, WaitAction } from '../../lib/plan/step.ts';
import { storeLines } from './store-ops.ts';
import { visible } from './text.ts';

/** One line of what an action does: a label for the left column, `store`, and what stands beside it. */
export interface ActionLine {
  readonly label: string;
  readonly text: string;
  /** May be broken at blanks to fit the screen; paths, values and commands stay whole, to be copied. */
  readonly prose?: true;
}

/** An action for people, line by line: all that it does, but for the content of files. Holes show as `${name}`. */
export function actionLines(action: Action, bindings: Bindings): ActionLine[] {
  const text = (value: Text) => visible(show(value, bindings));
  switch (action.kind) {
    case 'hypercall':
      return prose('hypercall', hypercallText(action.call, text));
    case 'store':
      return labelled('store', storeLines(action, text));
    case 'spawn':
      return [
        ...environmentLines(action.env, text),
        ...labelled('spawn', commandLines(action.argv, bindings)),
        ...labelled('log', [text(action.log)]),
        ...labelled('pid', [`→ ${text(action.pidPath)}`]),
        ...labelled('ready', [
          `${text(action.ready.path)} = "${visible(action.ready.value)}", within ${seconds(action.ready.timeoutMs)}`,
        ]),
      ];
    case 'kill': {
      const whom =
        'value' in action.pid ? `process ${text(action.pid.value)}` : `the process in ${text(action.pid.path)}`;
      const then = action.graceMs === 0 ? '' : `, SIGKILL after ${seconds(action.graceMs)}`;
      return labelled('kill', [`${action.signal} to ${whom}${then}`]);
    }
    case 'hotplug':
      return [
        ...environmentLines(action.env, text),
        ...labelled('hotplug', [visible(shellLine(action.argv, bindings))]),
        ...prose('', `within ${seconds(action.timeoutMs)}; what goes wrong stands in ${text(action.errorPath)} then`),
      ];
    case 'block':
      return blockLines(action, text);
    case 'qmp':
      return labelled('qmp', qmpLines(action, text, bindings));
    case 'wait':
      return prose('wait', waitText(action, text));
    case 'file':
      return labelled('file', fileLines(action, text));
    case 'lock':
      return labelled('lock', [`${text(action.path)}, within ${seconds(action.timeoutMs)}`]);
    default:
      return unreachable(action);
  }
}

function blockLines({ op, target, backend, timeoutMs }: BlockAction, text: (value: Text) => string): ActionLine[] {
  const what =
    op === 'connect'
      ? `find the device of ${text(target)}, or put the file behind a loop device, unless another guest has it`
      : `give back the loop device of ${text(target)}, if it has one`;
  return [...prose('block', `${what}; within ${seconds(timeoutMs)}`), ...labelled('', [`→ ${text(backend)}`])];
}

function labelled(label: string, lines: readonly string[]): ActionLine[] {
  return lines.map((text, index) => ({ label: index === 0 ? label : '', text }));
}

const prose = (label: string, text: string): ActionLine[] => [{ label, text, prose: true }];

/** `createdomain type=pvh maxVcpus=1 …`: the call's own fields, in their order, without what is not set. */
function hypercallText(call: Hypercall, text: (value: Text) => string): string {
  const fields = Object.entries(call).flatMap(([name, value]: [string, Field]) => {
    if (name === 'op' || value === null) return [];
    if (isList(value)) return value.length === 0 ? [] : [`${name}=${value.join('+')}`];
    const shown = typeof value === 'number' || typeof value === 'boolean' ? String(value) : text(value);
    return [`${name}=${shown.includes(' ') ? JSON.stringify(shown) : shown}`];
  });
  return [call.op, ...fields].join(' ');
}

/** What a field of a hypercall may hold. */
type Field = Text | number | boolean | null | readonly string[] | readonly number[];
const isList = (value: Field): value is readonly string[] | readonly number[] => Array.isArray(value);

function waitText(wait: WaitAction, text: (value: Text) => string): string {
  const bound = `${seconds(wait.timeoutMs)}${wait.timeout === 'warning' ? ', then go on' : ''}`;
  const fail = wait.failOn.length === 0 ? '' : `, failed if ${wait.failOn.map(quoted).join(' or ')}`;
  return `${text(wait.path)} ${untilText(wait.until)}, within ${bound}${fail}`;
}

function untilText(until: WaitAction['until']): string {
  if (until === 'gone') return 'is gone';
  if (until === 'non-empty') return 'has a value';
  return `is ${until.oneOf.map(quoted).join(' or ')}${until.orGone === true ? ' or gone' : ''}`;
}

function fileLines(action: FileAction, text: (value: Text) => string): string[] {
  switch (action.op) {
    case 'write': {
      const size = Buffer.byteLength(text(action.content));
      return [`write ${text(action.path)}, mode ${octal(action.mode)}, ${size} bytes`, ...lockLine(action, text)];
    }
    case 'mkdir':
      return [`make directory ${text(action.path)}, mode ${octal(action.mode)}`];
    case 'remove':
      return [`remove ${text(action.path)}`, ...lockLine(action, text)];
    case 'change-kept':
      return [`${keptChangeText(action.change)} ${text(action.path)}`, ...lockLine(action, text)];
    default:
      return unreachable(action);
  }
}

const lockLine = ({ lock }: { readonly lock?: ActionLock }, text: (value: Text) => string): string[] =>
  lock === undefined ? [] : [`under the lock ${text(lock.path)}, within ${seconds(lock.timeoutMs)}`];

function keptChangeText(change: KeptChange): string {
  switch (change.change) {
    case 'put':
      return `put ${visible(JSON.stringify(change.device))} among the ${change.list} of`;
    case 'drop':
      return `take ${visible(JSON.stringify(change.name))} out of the ${change.list} of`;
    case 'name':
      return `put the name "${visible(change.to)}" into`;
    default:
      return unreachable(change);
  }
}

function qmpLines({ socket, commands }: QmpAction, text: (value: Text) => string, bindings: Bindings): string[] {
  return [
    `on ${text(socket)}`,
    ...commands.map((command) => {
      const { execute, arguments: given } = command;
      return given === undefined ? execute : `${execute} ${visible(JSON.stringify(shownJson(given, bindings)))}`;
    }),
  ];
}

/** JSON with its holes shown. */
export function shownJson(value: Json | undefined, bindings: Bindings): unknown {
  if (isTemplate(value)) return show(value, bindings);
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => shownJson(item, bindings));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shownJson(item, bindings)]));
}

const commandLines = (argv: readonly Text[], bindings: Bindings): string[] => shellLines(argv, bindings).map(visible);

const environmentLines = (environment: Readonly<Record<string, Text>>, text: (value: Text) => string): ActionLine[] =>
  labelled(
    'with',
    Object.entries(environment).map(([name, value]) => `${name}=${text(value)}`),
  );

const quoted = (value: string): string => `"${visible(value)}"`;
const octal = (mode: number): string => `0${mode.toString(8)}`;

/** A bound in seconds, `10s`, `0.5s`: in one piece, so that no line ends inside it. */
export const seconds = (ms: number): string => `${ms / 1000}s`;
