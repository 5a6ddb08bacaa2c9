import { XlError } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { t } from '../base/text.ts';
import { qmpSocket } from '../device/files.ts';
import { keepDisc } from './keep.ts';
import { deviceName, type RunningDevice, type RunningDomain } from './running.ts';
import type { Action, Plan, QmpAction, Step, StoreOp } from './step.ts';

/** libxl's bound for the whole exchange (LIBXL_HOTPLUG_TIMEOUT). */
const MONITOR_TIMEOUT_MS = 40_000;

/** A disc's image by its absolute path; null for none. */
export type Disc = { readonly path: string } | null;

/**
 * The CD drive of an HVM guest that a user means by `hdc` or `5632`. Throws XlError `cdrom-not-hvm`, `cdrom-unknown`,
 * `cdrom-backend`.
 */
export function requireDrive({ devices, name, domid, type }: RunningDomain, word: string, devid: number | null) {
  const owner = name ?? `domain ${domid}`;
  if (type !== 'hvm') {
    throw new XlError('cdrom-not-hvm', 'cdrom-insert requires an HVM domain', {
      hint: `${owner} has no emulated CD drive; \`xl block-attach\` gives it a disk`,
    });
  }
  const drives = devices.filter(({ keys }) => keys['device-type'] === 'cdrom');
  const drive = drives.find(({ keys, devid: own }) => keys.dev === word || own === devid);
  if (drive === undefined) {
    throw new XlError('cdrom-unknown', 'Virtual device not found', {
      hint:
        drives.length === 0
          ? `${owner} has no CD drive: a disk with devtype=cdrom of its configuration is one`
          : `its CD drives are ${drives.map(deviceName).join(', ')}`,
    });
  }
  if (drive.backendKind === 'qdisk' && drive.backendDomid === 0) return drive;
  throw new XlError(
    'cdrom-backend',
    `the disc of ${deviceName(drive)} cannot be changed: its backend is not QEMU here`,
  );
}

/**
 * Changes the disc of a guest's emulated CD drive, or takes it out. libxl always takes the old one out first, which ends
 * QEMU 7.2 where there is none; QEMU changes a disc in one command. When the nodes cannot be written the old disc goes back.
 */
export function planChangeDisc(
  domain: Pick<RunningDomain, 'domid' | 'name' | 'uuid'>,
  drive: RunningDevice,
  disc: Disc,
  facts: Pick<HostFacts, 'dirs'>,
): Plan {
  const { dirs } = facts;
  const socket = qmpSocket(dirs, String(domain.domid));
  const name = deviceName(drive);
  const before = discIn(drive);
  const change = (to: Disc): QmpAction => ({
    kind: 'qmp',
    socket,
    commands: [commandFor(drive, to)],
    timeoutMs: MONITOR_TIMEOUT_MS,
  });
  const steps: Step[] =
    disc === null && before === null
      ? []
      : [
          {
            id: 'disc',
            title: disc === null ? `take the disc out of ${name}` : `put ${disc.path} into ${name}`,
            why: 'QEMU is the drive; a guest that has locked its tray keeps the disc',
            needs: [],
            action: change(disc),
            undo: [change(before)],
          },
        ];
  return {
    title: `${disc === null ? 'eject the disc' : 'insert a disc'} of ${domain.name ?? `domain ${domain.domid}`}`,
    bindings: {},
    steps: [
      ...steps,
      noteDisc(drive, name, disc, steps),
      ...keepDisc(domain, facts, {
        vdev: drive.keys.dev ?? name,
        path: disc?.path ?? null,
        before: before?.path ?? null,
        needs: ['disc-nodes'],
      }),
    ],
  };
}

function commandFor({ devid }: RunningDevice, disc: Disc): QmpAction['commands'][number] {
  const id = `ide-${devid}`;
  if (disc === null) return { execute: 'eject', arguments: { id } };
  return {
    execute: 'blockdev-change-medium',
    arguments: { id, filename: disc.path, format: 'raw', 'read-only-mode': 'read-only' },
  };
}

/** What `params` says, FORMAT:PATH: nothing in it, or nothing behind the colon, is an empty drive. */
function discIn({ keys: { params = '' } }: RunningDevice): Disc {
  const path = params.slice(params.indexOf(':') + 1);
  return path === '' ? null : { path };
}

function noteDisc(drive: RunningDevice, name: string, disc: Disc, after: readonly Step[]): Step {
  const write = (params: string): StoreOp[] =>
    [drive.backend, drive.libxl].flatMap((directory) => [
      { op: 'write-if-present', path: t`${directory}/type`, value: 'qdisk' },
      { op: 'write-if-present', path: t`${directory}/params`, value: params },
    ]);
  const store = (ops: readonly StoreOp[]): Action => ({ kind: 'store', transaction: true, ops });
  return {
    id: 'disc-nodes',
    title: `note the disc of ${name}`,
    why: 'the toolstack’s lists, save and the next start of the guest read it here',
    needs: after.map(({ id }) => id),
    action: store(write(disc === null ? '' : `aio:${disc.path}`)),
    undo: [store(write(drive.keys.params ?? ''))],
  };
}
