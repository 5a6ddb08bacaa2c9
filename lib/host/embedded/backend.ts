import { XenbusState } from '../../device/nodes.ts';
import { DiskBackend, type DiskOptions } from './backend-disk.ts';
import { BACKENDS, errorText, fail, findBackends, move, placeOf, type Place } from './backend-nodes.ts';

export interface BackendOptions extends DiskOptions {
  /** Where the domain's console is served. */
  readonly consolePath: (domid: number) => string;
}

/** A backend that the driver looks after. */
interface Device {
  readonly place: Place;
  /** Null for devices that are no disks. */
  readonly disk: DiskBackend | null;
  /** Something may have changed since the last look. */
  dirty: boolean;
  busy: boolean;
}

const DISKS: ReadonlySet<string> = new Set(['vbd', 'vbd3', 'qdisk', 'virtio_disk']);

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

  /** Works until the signal fires; then it throws the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const path of this.#options.store.watch(BACKENDS, { signal })) {
      const place = placeOf(path);
      if (place === null) await this.#touchAll();
      else this.#touch(place);
    }
  }

  /** A domain's machine has come, or has gone: looks at all its devices anew. */
  async machineChanged(domid: number): Promise<void> {
    const gone = this.#options.machineOf(domid) === null;
    for (const { place, disk } of this.#devices.values()) if (gone && place.domid === domid) disk?.machineGone();
    await this.#touchAll();
  }

  /** A node above a device's changed, or events were lost: everything may be different. */
  async #touchAll(): Promise<void> {
    const found = await findBackends(this.#options.store);
    for (const place of found) this.#touch(place);
    for (const { place } of this.#devices.values()) this.#touch(place);
  }

  /** One look at a device at a time; what changes meanwhile causes another. */
  #touch(place: Place): void {
    const device = this.#devices.get(place.path) ?? this.#meet(place);
    device.dirty = true;
    if (!device.busy) void this.#settle(device);
  }

  #meet(place: Place): Device {
    const disk = DISKS.has(place.kind) ? new DiskBackend(place, this.#options, () => this.#touch(place)) : null;
    const device = { place, disk, dirty: false, busy: false };
    this.#devices.set(place.path, device);
    return device;
  }

  async #settle(device: Device): Promise<void> {
    device.busy = true;
    let goesOn = true;
    while (device.dirty) {
      device.dirty = false;
      goesOn = await this.#look(device).catch((error: unknown) => this.#giveUp(device, errorText(error)));
    }
    device.busy = false;
    if (!goesOn) this.#devices.delete(device.place.path);
  }

  /** Resolves to whether the device stays ours to look after. */
  async #look({ place, disk }: Device): Promise<boolean> {
    const state = await this.#options.store.read(`${place.path}/state`);
    if (disk !== null) return disk.look(state);
    if (state === null) return false;
    if (place.kind === 'console') await this.#serveConsole(place);
    else await this.#answer(place, state);
    return true;
  }

  /** Devices that QEMU has by itself, or that need nobody: every request is answered. */
  async #answer(place: Place, state: string): Promise<void> {
    const { store } = this.#options;
    const { Initialising, InitWait, Connected, Closing, Closed } = XenbusState;
    if (state === Closing) await move(store, place, [Closing, Closed]);
    if (state !== Initialising) return;
    await move(store, place, [Initialising, InitWait], place.kind === 'vif' ? { 'hotplug-status': 'connected' } : {});
    await move(store, place, [InitWait, Connected]);
  }

  /** xenconsoled's part: `tty` says where the console is. Its backend's state stays as it is. */
  async #serveConsole({ domid, devid }: Place): Promise<void> {
    const { store, machineOf, consolePath } = this.#options;
    if (machineOf(domid) === null || devid !== 0) return;
    const tty = `/local/domain/${domid}/console/tty`;
    await store.transaction(async (view) => {
      if ((await view.read(tty)) === '') await view.write(tty, consolePath(domid));
    });
  }

  async #giveUp({ place }: Device, text: string): Promise<true> {
    const { store, log } = this.#options;
    log(`${place.path}: ${text}`);
    await fail(store, place, text).catch((error: unknown) => log(`${place.path}: ${errorText(error)}`));
    return true;
  }
}
