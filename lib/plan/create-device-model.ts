import { overlayStep } from './attach.ts';
import { hole, t } from '../base/text.ts';
import { domainPath } from '../device/domain.ts';
import { qmpSocket } from '../device/files.ts';
import type { Resolved, ResolvedDeviceModel } from '../resolve/resolved.ts';
import { MODEL, removeMonitors, spawnDeviceModel } from './device-model.ts';
import type { QmpCommand, Step, StoreOp, Take } from './step.ts';

const D = hole('domid');
/** libxl's bound for its questions after the start (LIBXL_QMP_CMD_TIMEOUT). */
const QUERY_TIMEOUT_MS = 10_000;

/** Starts the QEMU that the domain needs and waits until it says so; nothing where it needs none. */
export function deviceModelSteps(domain: Resolved): Step[] {
  const { deviceModel, facts } = domain;
  if (deviceModel === null) return [];
  return [
    prepare(domain),
    spawnDeviceModel(domain, deviceModel, spawnsAfter(domain)),
    ...(facts.host === 'xen' ? noteConsoles(domain, deviceModel) : []),
  ];
}

function prepare(domain: Resolved): Step {
  const { type, bios } = domain;
  const hvmloader: StoreOp[] =
    type === 'hvm'
      ? [
          { op: 'write', path: t`${domainPath(D)}/hvmloader/bios`, value: bios ?? 'seabios' },
          { op: 'write', path: t`${domainPath(D)}/hvmloader/allow-memory-relocate`, value: '0' },
        ]
      : [];
  return {
    id: 'device-model-nodes',
    title: 'prepare the device model’s nodes',
    why: type === 'hvm' ? 'hvmloader reads which firmware to start; QEMU reports here' : 'QEMU reports here',
    needs: ['introduce'],
    action: { kind: 'store', transaction: false, ops: [...hvmloader, { op: 'mkdir', path: MODEL }] },
    undo: [{ kind: 'store', transaction: false, ops: [{ op: 'prune', path: MODEL }] }, ...removeMonitors(domain)],
  };
}

/**
 * QEMU on Xen reads the backends that it serves when it starts, so their nodes come first. Where it is the machine, the
 * daemon plugs disks whenever their nodes appear.
 */
function spawnsAfter({ disks, vfbs, keyboards, facts }: Resolved): string[] {
  if (facts.host === 'embedded') return disks.flatMap(({ vbd }) => overlayStep(vbd, facts));
  return [
    'console-nodes',
    ...disks.map(({ vbd }) => `${vbd.vdev}-nodes`),
    ...vfbs.map(({ devid }) => `vfb${devid}-nodes`),
    ...Array.from({ length: keyboards }, (_, devid) => `vkb${devid}-nodes`),
  ];
}

/**
 * Which pseudo-terminals QEMU took for the guest's serial lines, and which VNC display: `xl console -t serial` and
 * `xl vncviewer` find them in xenstore.
 */
function noteConsoles(domain: Resolved, { options }: ResolvedDeviceModel): Step[] {
  const serials = options.kind === 'hvm' ? options.serial : [];
  const terminals = serials.flatMap((serial, index) =>
    serial.kind === 'qemu' && serial.device === 'pty' ? [index] : [],
  );
  const vnc = options.display.vnc !== null;
  const home = domainPath(D);
  const commands: QmpCommand[] = [
    ...(terminals.length === 0 ? [] : [{ execute: 'query-chardev', takes: terminalTakes(terminals) }]),
    ...(vnc
      ? [{ execute: 'query-vnc', takes: { 'vnc-listen': { field: 'host' }, 'vnc-port': { field: 'service' } } }]
      : []),
  ];
  if (commands.length === 0) return [];
  const write = (path: string, name: string): StoreOp => ({ op: 'write', path: t`${home}/${path}`, value: hole(name) });
  return [
    {
      id: 'device-model-query',
      title: 'ask QEMU where its consoles are',
      why: 'it chose pseudo-terminals and a free VNC display by itself',
      needs: ['device-model'],
      action: { kind: 'qmp', socket: qmpSocket(domain.facts.dirs, D), commands, timeoutMs: QUERY_TIMEOUT_MS },
      undo: [],
    },
    {
      id: 'device-model-consoles',
      title: 'note them in xenstore',
      why: '`xl console -t serial` and `xl vncviewer` look there',
      needs: ['device-model-query'],
      action: {
        kind: 'store',
        transaction: true,
        ops: [
          ...terminals.map((index) => write(`serial/${index}/tty`, `serial-${index}-tty`)),
          ...(vnc ? [write('console/vnc-listen', 'vnc-listen'), write('console/vnc-port', 'vnc-port')] : []),
        ],
      },
      undo: [],
    },
  ];
}

const terminalTakes = (terminals: readonly number[]): Record<string, Take> =>
  Object.fromEntries(
    terminals.map((index) => [
      `serial-${index}-tty`,
      { where: { field: 'label', is: `serial${index}` }, field: 'filename', after: 'pty:' },
    ]),
  );
