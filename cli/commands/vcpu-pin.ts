import { dirname } from 'node:path';
import { maskAffinity, readAffinityMasks } from '../../lib/config/affinity-masks.ts';
import { readCpus, selectCpus } from '../../lib/config/cpus.ts';
import { XlError } from '../../lib/base/error.ts';
import { cpuTopology, getDomainInfo, physinfo } from '../../lib/host/xen/hypercalls.ts';
import { listVcpus, type Vcpu } from '../../lib/host/xen/vcpus.ts';
import type { Xen } from '../../lib/host/xen/version.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import { planPin, type AffinityChange } from '../../lib/plan/vcpus.ts';
import { carryOut } from '../carry-out.ts';
import type { CommandContext } from '../command.ts';
import { requireDomain } from '../find-domain.ts';
import type { Host } from '../host.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printPlan } from '../print/plan.ts';
import { cpuSet } from '../print/vcpus.ts';
import { requireXen } from '../require-xen.ts';
import { usageError } from '../usage.ts';
import type { ArgumentsOf, RunOf } from './index.ts';

/** `xl vcpu-pin [-f] [-i] DOMAIN VCPU|all HARD|-|all [SOFT|-|all]`. */
export const run: RunOf<'vcpu-pin'> = (context, { options, words }) => {
  const [domainWord, vcpuWord, hardWord, softWord = '-'] = words as [string, string, string, string?];
  const vcpu = readVcpu(vcpuWord, options);
  return withHost(context, async (host) => {
    const xen = requireXen(
      host,
      'vcpu-pin',
      'on the embedded host vcpus are threads of a QEMU, which taskset(1) can place',
    );
    const domain = await requireDomain(host.ports.store, domainWord);
    const cpus = cpusOf(xen);
    const wanted = { hard: readSet(hardWord, cpus), soft: readSet(softWord, cpus) };
    const change = options['ignore-global-affinity-masks'] ? wanted : await masked(wanted, domain, cpus, host);
    const vcpus = vcpusOf(domain.domid, vcpu, xen);
    const pinned = vcpus.map(({ vcpu: number, affinity: before }) => ({ vcpu: number, before }));
    const plan = planPin(domain, pinned, change, { force: options.force });
    // xl's own dry run says how it has understood the sets.
    if (context.global.dryRun) {
      context.terminal.out(`cpumap: ${understood(change, physinfo(xen).cpus)}\n`);
      return 0;
    }
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, context.terminal, () => []);
      return 0;
    }
    await pin(plan, vcpu, host, context);
    if (context.global.json) {
      context.terminal.out(
        `${JSON.stringify({ domid: domain.domid, vcpus: vcpus.map(({ vcpu: n }) => n), ...change })}\n`,
      );
    }
    return 0;
  });
};

const CPUS = 'CPUs are 0-3,5 or all, nodes:0 or ^2; - leaves them as they are';

/** The vcpu's number; null for all of them. */
function readVcpu(word: string, { force }: ArgumentsOf<'vcpu-pin'>['options']): number | null {
  if (/^\d{1,5}$/.test(word)) return Number(word);
  if (word !== 'all') throw usageError('vcpu', `Error: Invalid argument ${word} as VCPU.`, { exitCode: 1 });
  if (force) throw usageError('vcpu', "Error: --force and 'all' as VCPU not allowed.", { exitCode: 1 });
  return null;
}

type HostCpus = Parameters<typeof selectCpus>[1];

function cpusOf(xen: Xen): HostCpus {
  const places = cpuTopology(xen);
  const { maxCpuId, maxNodeId } = physinfo(xen);
  const nodes = Array.from({ length: maxNodeId + 1 }, (_, node) =>
    places.filter((place) => place.node === node).map(({ cpu }) => cpu),
  );
  return { cpus: maxCpuId + 1, nodes };
}

/** Null for `-`, which leaves the mask as it is. Unlike xl, a set without a CPU is refused before Xen is asked. */
function readSet(word: string, cpus: HostCpus): number[] | null {
  if (word === '-') return null;
  const { cpus: list, findings } = readCpus(word);
  const [wrong] = findings;
  if (wrong !== undefined) throw usageError('cpus', wrong.message, { exitCode: 1, hint: wrong.hint ?? CPUS });
  const set = selectCpus(list, cpus);
  if (set.length > 0) return set;
  throw usageError('cpus', `${word} names no CPU of this host, which has ${cpus.cpus}.`, { exitCode: 1 });
}

/** Masks of xl.conf narrow hard affinities alone. The file is where Xen's build has its scripts' directory. */
async function masked(
  change: AffinityChange,
  { type }: RunningDomain,
  cpus: HostCpus,
  { ports, description }: Host,
): Promise<AffinityChange> {
  if (change.hard === null) return change;
  const file = `${dirname(description.dirs.scripts)}/xl.conf`;
  const masks = readAffinityMasks((await ports.files.read(file)) ?? '', file);
  return { ...change, hard: maskAffinity(change.hard, masks, type ?? 'pv', cpus) };
}

function vcpusOf(domid: number, wanted: number | null, xen: Xen): Vcpu[] {
  const info = getDomainInfo(xen, domid);
  if (info === null) throw new XlError('domain-not-found', `Domain ${domid} does not exist.`);
  const vcpus = listVcpus(xen, info).filter(({ vcpu }) => wanted === null || vcpu === wanted);
  if (vcpus.length > 0) return vcpus;
  throw new XlError('no-such-vcpu', `Could not set affinity for vcpu \`${wanted ?? 'all'}'.`, {
    hint: `the domain has no such vcpu: its last one is ${info.maxVcpuId ?? 'none'}`,
  });
}

async function pin(plan: ReturnType<typeof planPin>, vcpu: number | null, host: Host, context: CommandContext) {
  try {
    await carryOut(plan, host, context, { quiet: true });
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    const what = vcpu === null ? 'Could not set affinity.' : `Could not set affinity for vcpu \`${vcpu}'.`;
    throw new XlError(error.code, `${what} ${error.message}`, {
      hint: error.hint,
      evidence: error.evidence,
      cause: error,
    });
  }
}

const understood = ({ hard, soft }: AffinityChange, cpus: number): string =>
  [hard === null ? '-' : cpuSet(hard, cpus), ...(soft === null ? [] : [cpuSet(soft, cpus)])].join(' ');
