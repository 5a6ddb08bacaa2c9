import { XlError } from '../../lib/base/error.ts';
import { tryDescribeVdev } from '../../lib/disk/vdev.ts';
import { planDetach } from '../../lib/plan/detach.ts';
import { isDiskKind, type RunningDevice, type RunningDomain } from '../../lib/plan/running.ts';
import { carryOut } from '../carry-out.ts';
import { requireDomain } from '../find-domain.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printPlan } from '../print/plan.ts';
import type { RunOf } from './index.ts';

/** `xl block-detach [-f] DOMAIN DEVICE`. */
export const run: RunOf<'block-detach'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const [domainWord, deviceWord] = words as [string, string];
    const domain = await requireDomain(host.ports.store, domainWord);
    const device = requireDisk(domain, deviceWord);
    const plan = planDetach(domain, device, host.description, { force: options.force });
    const intent = intentOf(context, options);
    if (intent.kind === 'print') printPlan(plan, intent.format, context.terminal, () => []);
    else await carryOut(plan, host, context, { quiet: false });
    return 0;
  });

/** The disk of that name or number, however it was called when it was attached. */
function requireDisk(domain: RunningDomain, word: string): RunningDevice {
  const devid = tryDescribeVdev(word)?.devid;
  const device = domain.devices.find(
    ({ kind, keys, devid: own }) => isDiskKind(kind) && (own === devid || keys.dev === word),
  );
  if (device === undefined) throw notConnected(domain, word);
  if (device.kind === 'vbd') return device;
  throw new XlError('virtio-unplug', "Hotunplug isn't supported for specification virtio");
}

function notConnected({ devices, name, domid }: RunningDomain, word: string): XlError {
  const names = devices.filter(({ kind }) => isDiskKind(kind)).map(({ keys, devid }) => keys.dev ?? String(devid));
  return new XlError('disk-not-connected', `Device ${word} not connected.`, {
    hint: names.length === 0 ? `${name ?? `domain ${domid}`} has no disk` : `its disks are ${names.join(', ')}`,
  });
}
