import type { HostFacts } from '../base/facts.ts';
import { t } from '../base/text.ts';
import { addDevice, removeDevice, XenbusState } from '../device/nodes.ts';
import { vifNodes, vifPaths, vifScriptEnv, type VifDevice } from '../device/vif.ts';
import { HOTPLUG_TIMEOUT_MS } from './close.ts';
import type { Step } from './step.ts';

/** The steps that add one network interface: its nodes, the wait for netback, the script that puts it on its bridge. */
export function vifSteps(
  vif: VifDevice,
  options: { readonly facts: Pick<HostFacts, 'host'>; readonly after: readonly string[] },
): Step[] {
  const name = `vif${vif.devid}`;
  const paths = vifPaths(vif);
  const { InitWait, Connected, Closing, Closed } = XenbusState;
  const steps: Step[] = [
    {
      id: `${name}-nodes`,
      title: `write the nodes of ${name}`,
      why: `${vif.mac}${vif.bridge === null ? '' : ` on bridge ${vif.bridge}`}`,
      needs: options.after,
      action: { kind: 'store', transaction: true, ops: addDevice(vifNodes(vif)) },
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
        evidence: [t`${paths.backend}/state`, t`${paths.frontend}/state`, t`${paths.backend}/hotplug-error`],
        timeout: 'error',
      },
      undo: [],
    },
  ];
  return options.facts.host === 'embedded' ? steps : [...steps, ...scripts(vif, name)];
}

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
