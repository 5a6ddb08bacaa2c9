import { hole, t } from '../base/text.ts';
import { consoleNodes, consolePaths } from '../device/console.ts';
import { vfbNodes, vkbNodes } from '../device/framebuffer.ts';
import { addDevice, removeDevice, type DeviceNodes } from '../device/nodes.ts';
import type { Resolved } from '../resolve/resolved.ts';
import type { Step } from './step.ts';

const D = hole('domid');

/** Framebuffers, keyboards and the primary console. libxl adds a PV guest's before its console, an HVM guest's after. */
export function consoleSteps(domain: Resolved): Step[] {
  const primary = add('console', 'the console that every guest has', consoleDevice());
  const screens = [
    ...domain.vfbs.map((vfb) => add(`vfb${vfb.devid}`, 'vfb= or vnc=1 asks for a framebuffer', vfbNodes(vfb))),
    ...Array.from({ length: domain.keyboards }, (_, devid) =>
      add(`vkb${devid}`, 'a keyboard and pointer that QEMU serves', vkbNodes({ domid: D, devid })),
    ),
  ];
  return domain.type === 'hvm' ? [primary, ...screens] : [...screens, primary];
}

const consoleDevice = (): DeviceNodes =>
  consoleNodes({ domid: D, backendDomid: '0', port: hole('console-port'), gfn: hole('console-gfn') });

function add(name: string, why: string, device: DeviceNodes): Step {
  return {
    id: `${name}-nodes`,
    title: `write the nodes of ${name}`,
    why,
    needs: ['introduce'],
    action: { kind: 'store', transaction: true, ops: addDevice(device) },
    undo: [{ kind: 'store', transaction: true, ops: removeDevice(device.paths) }],
  };
}

/** A domain is usable once somebody serves its console. */
export function waitForConsole({ facts, deviceModel }: Resolved): Step {
  return {
    id: 'console-tty',
    title: 'wait for the console',
    why: facts.host === 'embedded' ? 'the daemon says where the console is' : 'xenconsoled says where the console is',
    needs: ['console-nodes', ...(deviceModel === null ? [] : ['device-model'])],
    action: {
      kind: 'wait',
      path: t`${consolePaths({ domid: D, backendDomid: '0' }).frontend}/tty`,
      until: 'non-empty',
      failOn: [],
      timeoutMs: 10_000,
      subject: 'the console',
      evidence: [],
      timeout: 'error',
    },
    undo: [],
  };
}
