import { XlError, type Evidence } from '../../base/error.ts';
import { describeXenbusState } from '../../base/xenbus.ts';
import type { ActionContext, ActionResult } from '../context.ts';
import { logEvidence, nodeEvidence, printable } from '../evidence.ts';
import type { FilledActionOf } from '../fill.ts';
import { viewHandshake, type HandshakeView } from './handshake.ts';
import { watchNode } from './watch.ts';

type Wait = FilledActionOf<'wait'>;

/** Waits for a node; finds out its `value` (empty where the node is gone). It changes nothing. */
export async function performWait(action: Wait, context: ActionContext): Promise<ActionResult> {
  const seen = await watchNode(
    {
      path: action.path,
      subject: action.subject,
      timeoutMs: action.timeoutMs,
      enough: (value) => reached(action, value) || failed(action, value),
    },
    context,
  );
  if (seen.end === 'enough' && reached(action, seen.value)) return { value: seen.value ?? '' };
  if (seen.end === 'enough') throw await failure(action, seen.value, context);
  if (action.timeout === 'error') throw await timeout(action, context);
  const view = await viewOf(action, context);
  context.warn({
    severity: 'warning',
    code: 'wait-timed-out',
    message: `waited ${seconds(action.timeoutMs)} for ${action.subject}${behind(view)}; going on without`,
    ...(view?.hint === undefined ? {} : { hint: view.hint }),
  });
  return { value: seen.value ?? '' };
}

function reached({ until }: Wait, value: string | null): boolean {
  if (until === 'gone') return value === null;
  if (until === 'non-empty') return value !== null && value !== '';
  return value === null ? until.orGone === true : until.oneOf.includes(value);
}

const failed = ({ failOn }: Wait, value: string | null): boolean => value !== null && failOn.includes(value);

async function failure(action: Wait, value: string | null, context: ActionContext): Promise<XlError> {
  const became =
    action.ends === undefined
      ? `${action.path} became ${printable(value ?? 'nothing')}`
      : `it is ${describeXenbusState(value)}`;
  return new XlError('wait-failed', `waited for ${action.subject}, but ${became}`, {
    evidence: await evidenceOf(action, action.evidence, context),
    hint: 'the nodes below say what the other side found',
  });
}

async function timeout(action: Wait, context: ActionContext): Promise<XlError> {
  const view = await viewOf(action, context);
  const message = `waited ${seconds(action.timeoutMs)} for ${action.subject} in vain${behind(view)}`;
  return new XlError('wait-timed-out', message, {
    evidence: await evidenceOf(
      action,
      [action.path, ...action.evidence.filter((path) => path !== action.path)],
      context,
    ),
    hint: view?.hint ?? 'the nodes below show how far each side came',
  });
}

const evidenceOf = async ({ log }: Wait, nodes: readonly string[], { ports }: ActionContext): Promise<Evidence[]> => [
  ...(await nodeEvidence(ports, nodes)),
  ...(log === undefined ? [] : await logEvidence(ports, log)),
];

const viewOf = async ({ ends }: Wait, { ports }: ActionContext): Promise<HandshakeView | null> =>
  ends === undefined ? null : viewHandshake(ports, ends);

const behind = (view: HandshakeView | null): string => (view === null ? '' : ` (${view.sentence})`);

const seconds = (ms: number): string => `${ms / 1000} s`;
