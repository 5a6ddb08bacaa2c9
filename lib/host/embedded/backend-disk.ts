import { devid as asDevid } from '../../base/units.ts';
import { XenbusState } from '../../device/nodes.ts';
import type { HotplugDisk } from '../../qemu/hotplug-disk.ts';
import type { Store } from '../../run/ports.ts';
import { errorText, frontendGone, move, type Place } from './backend-nodes.ts';
import { dscowServerName, type DscowTarget } from '../../disk/dscow.ts';
import type { DomainOverlays } from '../dscow/domain-overlays.ts';
import { diskTarget, type DiskTarget } from './disk-target.ts';
import type { Machine } from './machine.ts';

/** What a disk's backend needs of a machine. */
export type DiskMachine = Pick<Machine, 'cwd' | 'emulates' | 'plug' | 'unplug' | 'cut'>;

export interface DiskOptions {
  readonly store: Store;
  /** The domain's machine, once it can take disks; null before and after. */
  readonly machineOf: (domid: number) => DiskMachine | null;
  /** What is at a path: throws what opening it for this access would. */
  readonly look: (path: string, access: { readonly write: boolean }) => Promise<HotplugDisk['pathKind']>;
  /** Serves dscow overlays. */
  readonly overlays: DomainOverlays;
  /** Told of what nobody else hears of. */
  readonly log: (line: string) => void;
}

/** What the machine has of a disk. */
type Held =
  | { readonly kind: 'nothing' }
  /** It has had the disk as hardware of its own since its start. */
  | { readonly kind: 'emulated' }
  /** It was plugged; `cut` when its image was closed although the guest has not let go. */
  | { readonly kind: 'plugged'; readonly format: string; readonly cut: boolean };

const NOTHING: Held = { kind: 'nothing' };
const SECTOR_BYTES = 512;
/** VDISK_CDROM and VDISK_READONLY (xen/include/public/io/blkif.h). */
const INFO = { cdrom: 1, readonly: 4 } as const;

/**
 * One disk's backend, from Initialising to Closed. `look` is called whenever something may have changed, and never twice
 * at once; `wake` asks for another look.
 */
export class DiskBackend {
  readonly #place: Place;
  readonly #options: DiskOptions;
  readonly #wake: () => void;
  /** The overlay's server that was started for the disk. */
  #server: string | null = null;
  #held: Held = NOTHING;
  /** The guest has been asked to let go and has not answered yet. */
  #releasing = false;
  /** The guest let go of a disk. */
  #released = false;

  constructor(place: Place, options: DiskOptions, wake: () => void) {
    this.#place = place;
    this.#options = options;
    this.#wake = wake;
  }

  /** With its machine every image was closed. */
  machineGone(): void {
    this.#held = NOTHING;
    this.#releasing = false;
    this.#endServer();
  }

  /** Does what the state asks for; null is for nodes that are gone. Resolves to whether there may be more to do later. */
  async look(state: string | null): Promise<boolean> {
    switch (state) {
      case null:
        return this.#forget();
      case XenbusState.Initialising:
        await this.#open();
        return true;
      case XenbusState.InitWait:
        await this.#connect();
        return true;
      case XenbusState.Connected:
        await this.#notice();
        return true;
      case XenbusState.Closing:
        await this.#close();
        return true;
      default:
        return true;
    }
  }

  /** Can what the nodes name be opened? A relative path counts from the machine's directory, once there is one. */
  async #open(): Promise<void> {
    const target = await this.#target();
    if (target.path?.startsWith('/') === true) await this.#options.look(target.path, { write: target.readwrite });
    if (target.overlay !== null) await this.#serve(target, target.overlay);
    await this.#move(XenbusState.Initialising, XenbusState.InitWait);
    this.#wake();
  }

  /** As soon as there is a machine, it gets the disk. */
  async #connect(): Promise<void> {
    const machine = this.#options.machineOf(this.#place.domid);
    if (machine === null) return;
    const target = await this.#target();
    const size = await this.#give(machine, target);
    await this.#move(XenbusState.InitWait, XenbusState.Connected, {
      'hotplug-status': 'connected',
      'feature-flush-cache': '1',
      'feature-discard': target.discard ? '1' : '0',
      ...(size === null ? {} : sectors(size)),
      info: String((target.cdrom ? INFO.cdrom : 0) | (target.readwrite ? 0 : INFO.readonly)),
    });
  }

  /** The disk's size in bytes; null where the machine has it as hardware of its own, or the drive is empty. */
  async #give(machine: DiskMachine, target: DiskTarget): Promise<number | null> {
    const devid = asDevid(this.#place.devid);
    if (this.#held.kind !== 'nothing') return null;
    if (machine.emulates(target.vdev, devid)) {
      this.#held = { kind: 'emulated' };
      return null;
    }
    if (target.overlay !== null) return this.#giveOverlay(machine, target, target.overlay);
    if (target.path === null) return null;
    const path = target.path.startsWith('/') ? target.path : `${machine.cwd}/${target.path}`;
    const pathKind = await this.#options.look(path, { write: target.readwrite });
    const { vdev, format, readwrite, directIo, discard, shared } = target;
    const size = await machine.plug({ devid, vdev, path, pathKind, format, readwrite, directIo, discard, shared });
    this.#held = { kind: 'plugged', format, cut: false };
    this.#released = false;
    return size;
  }

  /** Has the overlay served; the socket. */
  #serve({ vdev, readwrite }: DiskTarget, overlay: DscowTarget): Promise<string> {
    this.#server = dscowServerName(this.#place.domid, vdev);
    return this.#options.overlays.open(this.#server, overlay, { readOnly: !readwrite });
  }

  async #giveOverlay(machine: DiskMachine, target: DiskTarget, overlay: DscowTarget): Promise<number> {
    const { vdev, format, readwrite, directIo, discard } = target;
    const devid = asDevid(this.#place.devid);
    const path = await this.#serve(target, overlay);
    const exportName = dscowServerName(this.#place.domid, vdev);
    const source = { path, pathKind: 'nbd', exportName } as const;
    const size = await machine.plug({ devid, vdev, ...source, format, readwrite, directIo, discard, shared: true });
    this.#held = { kind: 'plugged', format, cut: false };
    this.#released = false;
    return size;
  }

  /** Ends the overlay's server, when nobody has the disk any more. */
  #endServer(): void {
    const name = this.#server;
    this.#server = null;
    if (name === null) return;
    this.#options.overlays
      .close(name)
      .catch((error: unknown) => this.#options.log(`${this.#place.path}: ${errorText(error)}`));
  }

  /** Connected without a disk: the guest has let go after the request had been taken back. */
  async #notice(): Promise<void> {
    if (!this.#released) return;
    this.#released = false;
    await this.#move(XenbusState.Connected, XenbusState.Closed, {
      'hotplug-error': 'the guest let go of the disk later than it was asked to',
    });
  }

  /** Nothing is closed under the guest, unless the frontend has gone: then nobody waits for it. */
  async #close(): Promise<void> {
    const { store, machineOf } = this.#options;
    const machine = machineOf(this.#place.domid);
    if (machine === null || this.#held.kind === 'nothing') {
      this.#released = false;
      this.#endServer();
      await this.#move(XenbusState.Closing, XenbusState.Closed);
    } else if (this.#held.kind === 'emulated') {
      // Back to Connected is this host's no: the detach ends at once instead of waiting for its bound.
      await this.#move(XenbusState.Closing, XenbusState.Connected, {
        online: '1',
        'hotplug-error': 'the disk is part of the emulated machine, which cannot be opened while it runs',
      });
    } else {
      this.#release(machine);
      if (!(await frontendGone(store, this.#place))) return;
      await this.#cut(machine);
      await this.#move(XenbusState.Closing, XenbusState.Closed);
    }
  }

  /** The nodes have gone: so does the disk, whatever the guest thinks. */
  async #forget(): Promise<boolean> {
    const machine = this.#options.machineOf(this.#place.domid);
    if (machine === null || this.#held.kind !== 'plugged') {
      this.#endServer();
      return false;
    }
    this.#release(machine);
    await this.#cut(machine);
    return true;
  }

  /** Asks the guest, and looks again when it has answered. */
  #release(machine: DiskMachine): void {
    if (this.#releasing) return;
    this.#releasing = true;
    machine.unplug(asDevid(this.#place.devid)).then(
      () => {
        this.#held = NOTHING;
        this.#releasing = false;
        this.#released = true;
        this.#endServer();
        this.#wake();
      },
      (error: unknown) => {
        this.#releasing = false;
        this.#options.log(`${this.#place.path}: ${errorText(error)}`);
      },
    );
  }

  async #cut(machine: DiskMachine): Promise<void> {
    if (this.#held.kind !== 'plugged' || this.#held.cut) return;
    this.#held = { ...this.#held, cut: true };
    await machine.cut(asDevid(this.#place.devid), this.#held.format);
  }

  #move(from: string, to: string, nodes?: Readonly<Record<string, string>>): Promise<void> {
    return move(this.#options.store, this.#place, [from, to], nodes);
  }

  async #target(): Promise<DiskTarget> {
    const names = ['params', 'type', 'dev', 'mode', 'script', 'device-type', 'direct-io-safe', 'discard-enable'];
    const entries = await Promise.all(
      names.map(async (name) => [name, await this.#options.store.read(`${this.#place.path}/${name}`)] as const),
    );
    return diskTarget(Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null)));
  }
}

const sectors = (size: number): Record<string, string> => ({
  'sector-size': String(SECTOR_BYTES),
  sectors: String(Math.floor(size / SECTOR_BYTES)),
});
