import type { HostFacts } from '../base/facts.ts';
import { closeSteps } from './close.ts';
import { forgetting } from './keep.ts';
import { deviceName, type RunningDevice, type RunningDomain } from './running.ts';
import type { Plan } from './step.ts';

export interface DetachOptions {
  /** Take the device away even if the guest does not let go of it. */
  readonly force: boolean;
}

/** Takes one device from a running domain; the guest is asked first unless forced. */
export function planDetach(
  domain: RunningDomain,
  device: RunningDevice,
  facts: Pick<HostFacts, 'host' | 'dirs'>,
  { force }: DetachOptions,
): Plan {
  return {
    title: `detach ${deviceName(device)} from ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: forgetting(
      closeSteps(device, {
        domid: domain.domid,
        host: facts.host,
        dirs: facts.dirs,
        mode: force ? 'force' : 'ask',
        after: [],
      }),
      domain,
      facts,
      device,
    ),
  };
}
