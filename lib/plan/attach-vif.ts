import type { HostFacts } from '../base/facts.ts';
import { t } from '../base/text.ts';
import { addDevice, removeDevice, XenbusState } from '../device/nodes.ts';
import { vifNodes, vifPaths, vifScriptEnv, type VifDevice } from '../device/vif.ts';
import { HOTPLUG_TIMEOUT_MS } from './close.ts';
import type { Step, StoreOp } from './step.ts';

export interface VifSteps {
  readonly facts: Pick<HostFacts, 'host'>;
  /** Steps before the nodes are written. */
  readonly after: readonly string[];
  /** The domain runs: it may have the devid already. */
  readonly hotplug?: boolean;
}

/** The steps that add one network interface: its nodes, the wait for netback, the script that puts it on its bridge. */
export function vifSteps(vif: VifDevice, { facts, after, hotplug = false }: VifSteps): Step[] {
  const name = `vif${vif.devid}`;
  const paths = vifPaths(vif);
  const { InitWait, Connected, Closing, Closed } = XenbusState;
  const steps: Step[] = [
    {
      id: `${name}-nodes`,
      title: `write the nodes of ${name}`,
      why: `${vif.mac}${vif.bridge === null ? '' : ` on bridge ${vif.bridge}`}`,
      needs: after,
      action: {
        kind: 'store',
        transaction: true,
        ops: [...(hotplug ? [requireFree(vif)] : []), ...addDevice(vifNodes(vif))],
      },
      undo: [{ kind: 'store', transaction: true, ops: removeDevice(paths) }],
    },
    {
      id: `${name}-backend`,
      title: `wait for the backend of ${name}`,
      why: 'the interface must exist in domain 0 before its script runs',
      needs: [`${name}-nodes`],
      action: {
        kind: 'wait',
        path: t`${paths.backend}/state`,
        until: { oneOf: [InitWait, Connected] },
        failOn: [Closing, Closed],
        timeoutMs: 10_000,
        subject: `the backend of ${name}`,
        ends: paths,
        evidence: [t`${paths.backend}/state`, t`${paths.frontend}/state`, t`${paths.backend}/hotplug-error`],
        timeout: 'error',
      },
      undo: [],
    },
  ];
  return facts.host === 'embedded' ? steps : [...steps, ...scripts(vif, name)];
}

const requireFree = (vif: VifDevice): StoreOp => ({
  op: 'require-absent',
  path: vifPaths(vif).libxl,
  error: {
    code: 'device-exists',
    message: `the domain already has an interface ${vif.devid} (device already exists in xenstore)`,
    hint: 'leave out devid=, or take the present one away with `xl network-detach`',
  },
});

/** libxl runs the script once for the PV interface, and once for the tap of an emulated card. */
function scripts(vif: VifDevice, name: string): Step[] {
  const run = (verb: string, interfaceType: 'vif' | 'tap', failure: 'error' | 'warning') =>
    ({
      kind: 'hotplug',
      argv: [vif.script, verb, `type_if=${interfaceType}`],
      env: vifScriptEnv(vif),
      timeoutMs: HOTPLUG_TIMEOUT_MS,
      errorPath: t`${vifPaths(vif).backend}/hotplug-error`,
      failure,
    }) as const;
  const online: Step = {
    id: `${name}-script`,
    title: `run ${vif.script} online for ${name}`,
    why: 'the script puts the interface on its bridge',
    needs: [`${name}-backend`],
    action: run('online', 'vif', 'error'),
    undo: [run('offline', 'vif', 'warning')],
  };
  if (vif.type === 'vif') return [online];
  const tap: Step = {
    id: `${name}-tap-script`,
    title: `run ${vif.script} add for the emulated card of ${name}`,
    why: 'QEMU’s tap goes on the same bridge',
    needs: [`${name}-script`],
    action: run('add', 'tap', 'error'),
    undo: [run('remove', 'tap', 'warning')],
  };
  return [online, tap];
}
