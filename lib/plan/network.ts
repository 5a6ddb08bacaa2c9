import type { HostFacts } from '../base/facts.ts';
import type { VifDevice } from '../device/vif.ts';
import { vifSteps } from './attach-vif.ts';
import { closeSteps } from './close.ts';
import { deviceName, type RunningDevice, type RunningDomain } from './running.ts';
import type { Plan } from './step.ts';

/** Attaches one interface to a running domain. */
export function planAttachVif(
  domain: Pick<RunningDomain, 'domid' | 'name'>,
  vif: VifDevice,
  facts: Pick<HostFacts, 'host'>,
): Plan {
  return {
    title: `attach vif${vif.devid} to ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: vifSteps(vif, { facts, after: [], hotplug: true }),
  };
}

/** Takes one interface from a running domain: the guest is asked, and one that does not answer is not waited for. */
export function planDetachVif(
  domain: Pick<RunningDomain, 'domid' | 'name'>,
  device: RunningDevice,
  { host, dirs }: Pick<HostFacts, 'host' | 'dirs'>,
): Plan {
  return {
    title: `detach ${deviceName(device)} from ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: closeSteps(device, { domid: domain.domid, host, dirs, mode: 'ask-then-force', after: [] }),
  };
}
