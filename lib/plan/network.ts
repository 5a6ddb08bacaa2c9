import type { HostFacts } from '../base/facts.ts';
import type { VifDevice } from '../device/vif.ts';
import type { JsonObject } from '../libxl-json/json.ts';
import { vifSteps } from './attach-vif.ts';
import { closeSteps } from './close.ts';
import { forgetting, keepDevice } from './keep.ts';
import { deviceName, type RunningDevice, type RunningDomain } from './running.ts';
import type { Plan } from './step.ts';

/** An interface for a domain that runs. */
export interface AttachedVif {
  readonly vif: VifDevice;
  /** What is kept of it in the domain's configuration, in libxl's JSON. */
  readonly kept: JsonObject;
}

/** Attaches one interface to a running domain. */
export function planAttachVif(
  domain: Pick<RunningDomain, 'domid' | 'name' | 'uuid'>,
  { vif, kept }: AttachedVif,
  facts: Pick<HostFacts, 'host' | 'dirs'>,
): Plan {
  return {
    title: `attach vif${vif.devid} to ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: [
      ...vifSteps(vif, { facts, after: [], hotplug: true }),
      ...keepDevice(domain, facts, {
        name: `vif${vif.devid}`,
        list: 'nics',
        device: kept,
        needs: [`vif${vif.devid}-nodes`],
      }),
    ],
  };
}

/** Takes one interface from a running domain: the guest is asked, and one that does not answer is not waited for. */
export function planDetachVif(
  domain: Pick<RunningDomain, 'domid' | 'name' | 'uuid'>,
  device: RunningDevice,
  facts: Pick<HostFacts, 'host' | 'dirs'>,
): Plan {
  const { host, dirs } = facts;
  return {
    title: `detach ${deviceName(device)} from ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: forgetting(
      closeSteps(device, { domid: domain.domid, host, dirs, mode: 'ask-then-force', after: [] }),
      domain,
      facts,
      device,
    ),
  };
}
