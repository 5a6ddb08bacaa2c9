import { errnoOf, XlError } from '../../base/error.ts';
import { devid as asDevid } from '../../base/units.ts';
import { XenbusState } from '../../device/nodes.ts';
import type { HotplugDisk } from '../../qemu/hotplug-disk.ts';
import type { Store, StoreView } from '../../run/ports.ts';
import { diskTarget, type DiskTarget } from './disk-target.ts';
import type { Machine } from './machine.ts';

/** What the driver needs of a machine. */
export type DiskMachine = Pick<Machine, 'cwd' | 'emulates' | 'plug' | 'unplug' | 'cut'>;

export interface BackendOptions {
  readonly store: Store;
  /** The domain's machine, once it can take disks; null before and after. */
  readonly machineOf: (domid: number) => DiskMachine | null;
  /** What is at a path: throws what opening it for this access would. */
  readonly look: (path: string, access: { readonly write: boolean }) => Promise<HotplugDisk['pathKind']>;
  /** Where the domain's console is served. */
  readonly consolePath: (domid: number) => string;
  /** Told of what nobody else hears of. */
  readonly log: (line: string) => void;
}

/** A device by its place below /local/domain/0/backend. */
interface Place {
  readonly path: string;
  readonly kind: string;
  readonly domid: number;
  readonly devid: number;
}

/** What the driver has done for a device. */
interface Device extends Place {
  /** `plugged`: through the monitor; `emulated`: the machine has it since its start; `idle`: nothing is open. */
  held: 'idle' | 'plugged' | 'emulated';
  /** What is plugged, for cutting it off. */
  target: DiskTarget | null;
  /** The guest has been asked to let go and has not answered yet. */
  releasing: boolean;
  /** The image was closed although the guest has not let go. */
  cut: boolean;
  /** Something may have changed since the last look. */
  dirty: boolean;
  busy: boolean;
}

const ROOT = '/local/domain/0/backend';
const DISKS: ReadonlySet<string> = new Set(['vbd', 'vbd3', 'qdisk', 'virtio_disk']);
const SECTOR_BYTES = 512;
/** VDISK_READONLY and VDISK_CDROM (xen/include/public/io/blkif.h). */
const INFO = { cdrom: 1, readonly: 4 } as const;

/**
 * The backends of the embedded host. Like the kernel's it knows only xenstore: it watches the backends' nodes, opens
 * what they name when they begin (state 1), answers InitWait (2), plugs the disk as soon as the domain has a machine,
 * and says Connected (4) for both ends, because no guest of ours speaks Xen's ring. On Closing (5) it has the guest let
 * go, closes the image and says Closed (6). What goes wrong stands in `hotplug-error`. Interfaces, framebuffers and
 * keyboards are QEMU's own business: for them it only answers. A console learns where it is served.
 */
export class BackendDriver {
  readonly #options: BackendOptions;
  readonly #devices = new Map<string, Device>();

  constructor(options: BackendOptions) {
    this.#options = options;
  }

  /** Works until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const path of this.#options.store.watch(ROOT, { signal })) {
      const place = placeOf(path);
      if (place === null) await this.#lookEverywhere();
      else this.#touch(place);
    }
  }

  /** A domain's machine has come, or has gone: looks at all its devices anew. */
  async machineChanged(domid: number): Promise<void> {
    const gone = this.#options.machineOf(domid) === null;
    for (const device of this.#devices.values()) {
      if (device.domid !== domid) continue;
      // With the machine every image was closed.
      if (gone) Object.assign(device, { held: 'idle', target: null, releasing: false, cut: false });
      this.#touch(device);
    }
    await this.#lookEverywhere();
  }

  /** A node above a device's changed, or events were lost: everything may be different. */
  async #lookEverywhere(): Promise<void> {
    const { store } = this.#options;
    const found: Place[] = [];
    for (const kind of (await store.directory(ROOT)) ?? []) {
      for (const domid of (await store.directory(`${ROOT}/${kind}`)) ?? []) {
        for (const devid of (await store.directory(`${ROOT}/${kind}/${domid}`)) ?? []) {
          const place = placeOf(`${ROOT}/${kind}/${domid}/${devid}`);
          if (place !== null) found.push(place);
        }
      }
    }
    for (const place of [...found, ...this.#devices.values()]) this.#touch(place);
  }

  /** One look at a device at a time; what changes meanwhile causes another. */
  #touch(place: Place): void {
    const device = this.#devices.get(place.path) ?? newDevice(place);
    this.#devices.set(place.path, device);
    device.dirty = true;
    if (!device.busy) void this.#settle(device);
  }

  async #settle(device: Device): Promise<void> {
    device.busy = true;
    while (device.dirty) {
      device.dirty = false;
      try {
        await this.#look(device);
      } catch (error) {
        await this.#fail(device, error).catch((worse: unknown) => {
          this.#options.log(`${device.path}: ${errorText(worse)}`);
        });
      }
    }
    device.busy = false;
  }

  async #look(device: Device): Promise<void> {
    const state = await this.#options.store.read(`${device.path}/state`);
    if (state === null) return this.#forget(device);
    if (device.kind === 'console') return this.#serveConsole(device);
    if (!DISKS.has(device.kind)) return this.#answer(device, state);
    switch (state) {
      case XenbusState.Initialising:
        return this.#open(device);
      case XenbusState.InitWait:
        return this.#connect(device);
      case XenbusState.Connected:
        return this.#notice(device);
      case XenbusState.Closing:
        return this.#close(device);
      default:
        return undefined;
    }
  }

  /** State 1: can what the nodes name be opened? A relative path counts from the machine's directory, once there is one. */
  async #open(device: Device): Promise<void> {
    const target = await this.#target(device);
    if (target.path?.startsWith('/') === true) await this.#options.look(target.path, { write: target.readwrite });
    await this.#move(device, XenbusState.Initialising, XenbusState.InitWait);
    device.dirty = true;
  }

  /** State 2: as soon as there is a machine, it gets the disk. */
  async #connect(device: Device): Promise<void> {
    const machine = this.#options.machineOf(device.domid);
    if (machine === null) return;
    const target = await this.#target(device);
    const size = await this.#give(machine, device, target);
    await this.#move(device, XenbusState.InitWait, XenbusState.Connected, {
      'hotplug-status': 'connected',
      'feature-flush-cache': '1',
      'feature-discard': target.discard ? '1' : '0',
      ...(size === null
        ? {}
        : { 'sector-size': String(SECTOR_BYTES), sectors: String(Math.floor(size / SECTOR_BYTES)) }),
      info: String((target.cdrom ? INFO.cdrom : 0) | (target.readwrite ? 0 : INFO.readonly)),
    });
  }

  /** The disk's size in bytes; null where the machine has it as hardware of its own, or the drive is empty. */
  async #give(machine: DiskMachine, device: Device, target: DiskTarget): Promise<number | null> {
    const devid = asDevid(device.devid);
    if (device.held !== 'idle') return null;
    if (machine.emulates(target.vdev, devid)) {
      device.held = 'emulated';
      return null;
    }
    if (target.path === null) return null;
    const path = target.path.startsWith('/') ? target.path : `${machine.cwd}/${target.path}`;
    const pathKind = await this.#options.look(path, { write: target.readwrite });
    const { vdev, format, readwrite, directIo, discard, shared } = target;
    const size = await machine.plug({ devid, vdev, path, pathKind, format, readwrite, directIo, discard, shared });
    Object.assign(device, { held: 'plugged', target, cut: false });
    return size;
  }

  /** State 4 without a disk: the guest has let go after the request had been taken back. */
  async #notice(device: Device): Promise<void> {
    if (device.target === null || device.held === 'plugged') return;
    device.target = null;
    await this.#move(device, XenbusState.Connected, XenbusState.Closed, {
      'hotplug-error': 'the guest let go of the disk later than it was asked to',
    });
  }

  /** State 5: nothing is closed under the guest, unless the frontend has gone: then nobody waits for it. */
  async #close(device: Device): Promise<void> {
    const machine = this.#options.machineOf(device.domid);
    if (device.held === 'idle' || machine === null) {
      device.target = null;
      await this.#move(device, XenbusState.Closing, XenbusState.Closed);
      return;
    }
    if (device.held === 'emulated') {
      await this.#note(device, 'the disk is part of the machine, which cannot be opened while it runs');
      return;
    }
    this.#release(device, machine);
    if (await this.#frontendGone(device)) await this.#cut(device, machine);
  }

  /** Asks the guest, and comes back when it has answered. */
  #release(device: Device, machine: DiskMachine): void {
    if (device.releasing) return;
    device.releasing = true;
    machine.unplug(asDevid(device.devid)).then(
      () => {
        Object.assign(device, { held: 'idle', releasing: false });
        this.#touch(device);
      },
      (error: unknown) => {
        device.releasing = false;
        this.#options.log(`${device.path}: ${errorText(error)}`);
      },
    );
  }

  async #cut(device: Device, machine: DiskMachine): Promise<void> {
    if (!device.cut && device.target !== null) {
      device.cut = true;
      await machine.cut(asDevid(device.devid), device.target.format);
    }
    await this.#move(device, XenbusState.Closing, XenbusState.Closed);
  }

  /** The nodes have gone: so does the disk, whatever the guest thinks. */
  async #forget(device: Device): Promise<void> {
    const machine = this.#options.machineOf(device.domid);
    if (machine === null || device.held !== 'plugged') {
      this.#devices.delete(device.path);
      return;
    }
    this.#release(device, machine);
    if (!device.cut && device.target !== null) {
      device.cut = true;
      await machine.cut(asDevid(device.devid), device.target.format);
    }
  }

  /** Devices that QEMU has by itself, or that need nobody: every request is answered. */
  async #answer(device: Device, state: string): Promise<void> {
    if (state === XenbusState.Closing) await this.#move(device, state, XenbusState.Closed);
    if (state !== XenbusState.Initialising) return;
    if (device.kind === 'vif') await this.#move(device, state, state, { 'hotplug-status': 'connected' });
    await this.#move(device, state, XenbusState.InitWait);
    await this.#move(device, XenbusState.InitWait, XenbusState.Connected);
  }

  /** xenconsoled's part: `tty` says where the console is. Its backend's state stays as it is. */
  async #serveConsole(device: Device): Promise<void> {
    if (this.#options.machineOf(device.domid) === null || device.devid !== 0) return;
    const tty = `/local/domain/${device.domid}/console/tty`;
    await this.#options.store.transaction(async (view) => {
      if ((await view.read(tty)) === '') await view.write(tty, this.#options.consolePath(device.domid));
    });
  }

  /**
   * Goes from one state to the next and plays the guest's end as well, unless the toolstack was faster; nodes that it has
   * removed are never made anew.
   */
  async #move(device: Device, from: string, to: string, nodes: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#options.store.transaction(async (view) => {
      if ((await view.read(`${device.path}/state`)) !== from) return;
      for (const [name, value] of Object.entries(nodes)) await view.write(`${device.path}/${name}`, value);
      if (to !== from) await view.write(`${device.path}/state`, to);
      if (to === XenbusState.Connected || to === XenbusState.Closed) await moveFrontend(view, device, to);
    });
  }

  /** Says what went wrong where whoever waits looks for it, and gives up. */
  async #fail(device: Device, error: unknown): Promise<void> {
    const text = errorText(error);
    this.#options.log(`${device.path}: ${text}`);
    await this.#options.store.transaction(async (view) => {
      if ((await view.read(`${device.path}/state`)) === null) return;
      await view.write(`${device.path}/hotplug-error`, text);
      await view.write(`${device.path}/hotplug-status`, 'error');
      await view.write(`${device.path}/state`, XenbusState.Closed);
    });
  }

  async #note(device: Device, text: string): Promise<void> {
    await this.#options.store.transaction(async (view) => {
      if ((await view.read(`${device.path}/hotplug-error`)) === text) return;
      if ((await view.read(`${device.path}/state`)) !== null) await view.write(`${device.path}/hotplug-error`, text);
    });
  }

  async #target(device: Device): Promise<DiskTarget> {
    const { store } = this.#options;
    const names = ['params', 'type', 'dev', 'mode', 'device-type', 'direct-io-safe', 'discard-enable'];
    const values = await Promise.all(names.map((name) => store.read(`${device.path}/${name}`)));
    const nodes = names.flatMap((name, index) => {
      const value = values[index];
      return value === null || value === undefined ? [] : [[name, value] as const];
    });
    return diskTarget(Object.fromEntries(nodes));
  }

  async #frontendGone(device: Device): Promise<boolean> {
    const { store } = this.#options;
    const frontend = await store.read(`${device.path}/frontend`);
    return frontend === null || (await store.read(`${frontend}/state`)) === null;
  }
}

async function moveFrontend(view: StoreView, device: Device, state: string): Promise<void> {
  const frontend = await view.read(`${device.path}/frontend`);
  if (frontend === null || (await view.read(`${frontend}/state`)) === null) return;
  await view.write(`${frontend}/state`, state);
}

/** The device that a changed path belongs to; null for a path above devices, and for one that the toolstack never makes. */
function placeOf(path: string): Place | null {
  const match = /^\/local\/domain\/0\/backend\/([a-z0-9_]+)\/(\d{1,5})\/(\d{1,10})(?:\/|$)/.exec(path);
  if (match === null) return null;
  const [, kind = '', domid = '', devid = ''] = match;
  return { path: `${ROOT}/${kind}/${domid}/${devid}`, kind, domid: Number(domid), devid: Number(devid) };
}

const newDevice = (place: Place): Device => ({
  ...place,
  held: 'idle',
  target: null,
  releasing: false,
  cut: false,
  dirty: false,
  busy: false,
});

function errorText(error: unknown): string {
  if (error instanceof XlError) return error.message;
  return errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
}
