import { XlError } from '../../lib/base/error.ts';
import { show } from '../../lib/base/text.ts';
import { qmpSocket } from '../../lib/device/files.ts';
import { readAvailability } from '../../lib/host/inventory.ts';
import { planVcpuSet } from '../../lib/plan/vcpus.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import { readCpuSlots, type CpuSlot } from '../../lib/qemu/cpu-slots.ts';
import { carryOut } from '../carry-out.ts';
import type { CommandContext } from '../command.ts';
import { requireDomain } from '../find-domain.ts';
import type { Host } from '../host.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printPlan } from '../print/plan.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

const MONITOR_TIMEOUT_MS = 10_000;

/** `xl vcpu-set [-i] DOMAIN COUNT`. */
export const run: RunOf<'vcpu-set'> = (context, { options, words }) => {
  const [domainWord, countWord] = words as [string, string];
  if (!/^[1-9]\d{0,4}$/.test(countWord)) {
    throw usageError('count', 'Error: Invalid argument.', {
      exitCode: 1,
      hint: `"${countWord}" is no number of vcpus; a guest has one at least`,
    });
  }
  const count = Number(countWord);
  return withHost(context, async (host) => {
    const domain = await requireDomain(host.ports.store, domainWord);
    const online = await readAvailability(host.ports.store, domain.domid);
    const cpus = await hostCpus(host);
    const running = online.filter(Boolean).length;
    if (!options['ignore-host'] && count > running && count > cpus) throw overcommit(cpus, count);
    const slots = await slotsOf(domain, host, context);
    const plan = planVcpuSet(domain, { online, slots }, count, host.description);
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, context.terminal, () => []);
      return 0;
    }
    await carryOut(plan, host, context, { quiet: true });
    if (context.global.json) context.terminal.out(`${JSON.stringify({ domid: domain.domid, vcpus: count })}\n`);
    return 0;
  });
};

/** Loaded here: the hypervisor's code is for hosts that have one. */
async function hostCpus({ xen }: Host): Promise<number> {
  if (xen === null) return (await import('../../lib/host/real/machine.ts')).thisMachine().cpus;
  return (await import('../../lib/host/xen/hypercalls.ts')).physinfo(xen).maxCpuId + 1;
}

/** On Xen QEMU has the processors of HVM guests alone; on the embedded host it is the machine of every guest. */
async function slotsOf(
  { domid, type }: RunningDomain,
  { kind, ports, description }: Host,
  { signal }: CommandContext,
): Promise<CpuSlot[] | null> {
  if (kind === 'xen' && type !== 'hvm') return null;
  const [answer] = await ports.monitors.execute(
    show(qmpSocket(description.dirs, String(domid))),
    [{ execute: 'query-hotpluggable-cpus' }],
    { timeoutMs: MONITOR_TIMEOUT_MS, signal },
  );
  return readCpuSlots(answer);
}

const overcommit = (cpus: number, count: number): XlError =>
  new XlError(
    'vcpus-overcommit',
    `You are overcommmitting! You have ${cpus} physical CPUs and want ${count} vCPUs! Aborting, use --ignore-host to continue`,
  );
