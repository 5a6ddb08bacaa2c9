import { errorFrom, type Diagnostic } from '../../lib/base/error.ts';
import { parseDiskSpecs, readDisk } from '../../lib/disk/parse.ts';
import { planAttach } from '../../lib/plan/attach.ts';
import type { Plan } from '../../lib/plan/step.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import type { ConfiguredDisk } from '../../lib/config/domain.ts';
import type { HostFacts } from '../../lib/base/facts.ts';
import { resolveDisk } from '../../lib/resolve/disks.ts';
import { resolveLateDeviceModel, type DiskReceiver } from '../../lib/resolve/late-device-model.ts';
import { readMaxMemory } from '../../lib/host/inventory.ts';
import { diskJson } from '../../lib/libxl-json/devices.ts';
import { printJson } from '../../lib/libxl-json/json.ts';
import { keptDisk } from '../../lib/libxl-json/kept.ts';
import { pathsOfDisk } from '../../lib/resolve/paths.ts';
import { carryOut } from '../carry-out.ts';
import type { CommandContext } from '../command.ts';
import { requireDomain } from '../find-domain.ts';
import { factsForPlan, hostFacts } from '../facts.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printDiagnostics } from '../print/error.ts';
import { printPlan } from '../print/plan.ts';
import type { RunOf } from './index.ts';

/** `xl block-attach DOMAIN SPEC…`. */
export const run: RunOf<'block-attach'> = (context, { options, words }) => {
  const [domainWord, ...specs] = words as [string, ...string[]];
  const { disk, warnings } = readDisk(specs);
  printDiagnostics(warnings, context.terminal);
  // xl's own dry run says how it has understood the specification, and looks at no domain.
  if (context.global.dryRun) {
    context.terminal.out(`disk: ${printJson(diskJson(parseDiskSpecs(specs)))}\n`);
    return 0;
  }
  const configured = { disk, spec: specs.join(' '), where: { source: 'command line' } };
  return withHost(context, async (host) => {
    const domain = await requireDomain(host.ports.store, domainWord);
    const paths = pathsOfDisk(disk);
    const owner = { ...domain, maxKiB: await readMaxMemory(host.ports.store, domain.domid) };
    const intent = intentOf(context, options);
    if (intent.kind === 'run') {
      await carryOut(
        planFor(configured, owner, await hostFacts(host, paths, { uuids: false }), context),
        host,
        context,
        {
          quiet: false,
        },
      );
      return 0;
    }
    const { facts } = await factsForPlan(context, options, paths);
    printPlan(planFor(configured, owner, facts, context), intent.format, context.terminal, () => []);
    return 0;
  });
};

function planFor(
  configured: ConfiguredDisk,
  domain: RunningDomain & DiskReceiver,
  facts: HostFacts,
  { terminal }: CommandContext,
): Plan {
  const owner = { domid: String(domain.domid), type: domain.type ?? 'pv', hotplug: true };
  const { value, diagnostics } = resolveDisk(configured, facts, owner);
  if (value === null) throw errorFrom(diagnostics);
  const model = resolveLateDeviceModel(domain, value.vbd, facts);
  const all: readonly Diagnostic[] = [...diagnostics, ...model.diagnostics];
  if (all.some(({ severity }) => severity === 'error')) throw errorFrom(all);
  printDiagnostics(all, terminal);
  const disk = { vbd: value.vbd, kept: keptDisk(configured.disk, value), deviceModel: model.value };
  return planAttach(domain, disk, facts);
}
