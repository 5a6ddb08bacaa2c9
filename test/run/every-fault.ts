import { expect } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import type { Fault } from '../../lib/host/memory/faults.ts';
import type { HostSnapshot, MemoryHost } from '../../lib/host/memory/host.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { runPlan } from '../../lib/run/executor.ts';
import type { RunEvent } from '../../lib/run/events.ts';

/** Where test runs keep their journals, and who they are. */
export const journal = {
  directory: '/var/run/xen/journals',
  identity: { pid: 4242, startTime: '123456', bootId: 'boot-1' },
};

export type MakeHost = (fault?: Fault) => MemoryHost | Promise<MemoryHost>;

/**
 * Runs a plan once for every port call that it makes, with that call failing, and expects the host to be as it was
 * before; a fault that the run can do without (reading evidence) must leave what a good run leaves. Returns how many
 * faults there were.
 */
export async function everyFault(plan: Plan, makeHost: MakeHost, when: Fault['when'] = 'before'): Promise<number> {
  const good = await makeHost();
  await runPlan(plan, good.ports, { journal });
  await good.settled();
  const afterwards = good.snapshot();
  for (const { index, method } of good.calls) {
    if (when === 'after' && !canLoseAnswer(good, index)) continue;
    const host = await makeHost({ failAt: index, when });
    const before = host.snapshot();
    const ended = await runToEnd(plan, host);
    const expected = ended === null ? afterwards : before;
    expect(ended === null || comesFromFault(ended), `call ${index}, ${method}: ${explain(ended)}`).toBe(true);
    expectSame(host.snapshot(), expected, `after call ${index}, ${method}, had failed`);
  }
  return good.calls.length;
}

/** Breaks a plan off at every event, and expects the host to be as it was before. Returns how many events there were. */
export async function everyAbort(plan: Plan, makeHost: MakeHost): Promise<number> {
  const events: RunEvent[] = [];
  const good = await makeHost();
  await runPlan(plan, good.ports, { journal, onEvent: (event) => events.push(event) });
  await good.settled();
  const afterwards = good.snapshot();
  for (const [moment, event] of events.entries()) {
    const host = await makeHost();
    const before = host.snapshot();
    const breakOff = new AbortController();
    let heard = 0;
    const ended = await runToEnd(plan, host, {
      signal: breakOff.signal,
      onEvent: () => {
        if (heard === moment) breakOff.abort();
        heard += 1;
      },
    });
    const expected = ended === null ? afterwards : before;
    expect(ended?.code ?? 'aborted').toBe('aborted');
    expectSame(host.snapshot(), expected, `broken off at ${event.kind} ${event.step.id}`);
  }
  return events.length;
}

/**
 * For what cannot be taken back (a disk that the guest has let go of, a domain that is gone): runs a plan once for
 * every port call, with that call failing, then what `again` plans from what is left, and expects the host to be as
 * after a run without faults, in the parts that `compare` picks. Returns how many faults there were.
 */
export async function everyFaultThenAgain(
  plan: Plan,
  makeHost: MakeHost,
  again: (host: MemoryHost) => Promise<Plan | null>,
  compare: (snapshot: HostSnapshot) => Partial<HostSnapshot> = (snapshot) => snapshot,
): Promise<number> {
  const good = await makeHost();
  await runPlan(plan, good.ports, { journal });
  await good.settled();
  for (const { index, method } of good.calls) {
    const host = await makeHost({ failAt: index, when: 'before' });
    await runToEnd(plan, host);
    const rest = await again(host);
    if (rest !== null) await runPlan(rest, host.bare);
    await host.settled();
    expectSame(compare(host.snapshot()), compare(good.snapshot()), `again after call ${index}, ${method}, had failed`);
  }
  return good.calls.length;
}

async function runToEnd(
  plan: Plan,
  host: MemoryHost,
  options: Parameters<typeof runPlan>[2] = {},
): Promise<XlError | null> {
  try {
    await runPlan(plan, host.ports, { journal, ...options });
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(XlError);
    return error as XlError;
  } finally {
    await host.settled();
  }
}

/**
 * Only a change is something else when its answer is lost than when it fails; inside a transaction nothing is. And
 * what only its own answer tells (a lock) is lost with the answer, here as on a real host.
 */
function canLoseAnswer({ calls }: MemoryHost, index: number): boolean {
  const { method } = calls[index]!;
  const reads = method.startsWith('view.') || /\.(read|directory|getPerms|watch|tail|list)$/.test(method);
  return !reads && method !== 'files.lock';
}

/** The executor may say in its own words what a fault means: then the fault is the cause. */
const comesFromFault = (error: unknown): boolean =>
  error instanceof XlError && (error.code === 'injected-fault' || comesFromFault(error.cause));

const explain = (error: XlError | null): string =>
  error === null ? 'no error' : JSON.stringify([error.message, error.evidence, String(error.cause)]);

function expectSame(actual: Partial<HostSnapshot>, expected: Partial<HostSnapshot>, when: string): void {
  expect(actual, when).toEqual(expected);
}
