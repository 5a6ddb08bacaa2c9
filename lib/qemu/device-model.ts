import type { Where } from '../base/error.ts';
import type { Text } from '../base/text.ts';
import type { KiB } from '../base/units.ts';

/**
 * What a QEMU process is to be, as typed options and before any of its syntax: `argv.ts` turns it into the command line.
 * Names and defaults follow libxl (`libxl_dm.c`); whoever makes one has already applied libxl's defaults, so that
 * nothing here means "not said" unless it says so.
 */
export type DeviceModel = HvmDeviceModel | XenpvDeviceModel;

/** What every QEMU has, whatever it is for. */
interface CommonDeviceModel {
  /** Absolute path of the binary. */
  readonly binary: string;
  /** QEMU's version (`7.2.22`), which decides between old and new spellings; null for those that Xen 4.17 uses. */
  readonly qemuVersion: string | null;
  /** The domain's number, or the hole that it will fill. */
  readonly domid: Text;
  /** The domain's name; null for a domain without one. */
  readonly name: string | null;
  /** The domain's memory at most, video memory included. */
  readonly maxMemory: KiB;
  readonly channels: readonly Channel[];
  readonly display: Display;
  /** QEMU's keyboard layout (`de`), null for its own choice. */
  readonly keymap: string | null;
  /** `device_model_args`, passed on as they are. */
  readonly extraArgs: readonly string[];
  /** `device_model_args_hvm` or `device_model_args_pv`, whichever is this guest's, passed on as they are. */
  readonly extraKindArgs: readonly string[];
}

/** The QEMU beside a PV or PVH guest on Xen: it serves backends that it finds in xenstore, so no device is an option. */
export interface XenpvDeviceModel extends CommonDeviceModel {
  readonly kind: 'xenpv';
  readonly target: XenTarget;
}

/**
 * The QEMU that is a guest's whole machine: every HVM guest; and on the embedded host the PV and PVH guests too, as a
 * plain PC that boots their kernel and has no emulated disk.
 */
export interface HvmDeviceModel extends CommonDeviceModel {
  readonly kind: 'hvm';
  readonly target: XenTarget | EmbeddedTarget;
  /** The part of `maxMemory` that is the video card's. */
  readonly videoMemory: KiB;
  readonly vcpus: { readonly online: number; readonly max: number };
  /** QEMU loads this kernel itself; null boots from the devices of `boot`. */
  readonly directBoot: DirectBoot | null;
  /** Boot devices in order, of `a` floppy, `c` disk, `d` cdrom, `n` network. */
  readonly boot: string;
  readonly vga: 'stdvga' | 'cirrus' | 'qxl' | 'none';
  /** null for none. */
  readonly spice: Spice | null;
  /** One emulated serial port each, in order. */
  readonly serial: readonly Serial[];
  readonly usb: Usb;
  /** `hda`, `ac97` …; null for none. */
  readonly soundhw: string | null;
  readonly acpi: boolean;
  /** The interfaces that QEMU emulates, in order of their devids; the PV-only ones are not here. */
  readonly nics: readonly EmulatedNic[];
  /** The controller behind `hd` and `xvd` disks. */
  readonly hdtype: 'ide' | 'ahci';
  /** Every disk of the domain in the order of the configuration, emulated or not: argv.ts says which cannot be. */
  readonly disks: readonly MachineDisk[];
  /** Xen's platform device, through which a guest unplugs its emulated devices. */
  readonly xenPlatformPci: boolean;
  /** Where the memory hole below 4 GiB begins, in bytes (4 GiB less `mmio_hole`); null for QEMU's own choice. */
  readonly maxRamBelow4g: number | null;
  readonly igdPassthrough: boolean;
  /** `vendor_device="xenserver"`: the PCI device by which Windows finds its drivers. */
  readonly vendorDevice: 'none' | 'xenserver';
}

/** QEMU as Xen's device model: the hypervisor runs the guest. */
export interface XenTarget {
  readonly kind: 'xen';
  /** Where the monitors' sockets are: XEN_RUN_DIR, `/var/run/xen`. */
  readonly runDir: string;
  /** `dm_restrict`: QEMU gives up everything that it no longer needs. */
  readonly restrict: Restrict | null;
  /** The user, or `UID:GID`, that QEMU becomes; null stays root. libxl hands it to HVM guests' QEMU only. */
  readonly runAs: Text | null;
}

export interface Restrict {
  /** An empty directory that becomes QEMU's root. */
  readonly chroot: Text;
  /** The file descriptor, open in the child, of the listening monitor socket. */
  readonly qmpFd: number;
}

/** QEMU as the whole host: it runs the guest itself, starts paused and is steered through one monitor. */
export interface EmbeddedTarget {
  readonly kind: 'embedded';
  readonly accel: 'kvm' | 'tcg';
  /** QEMU's `-cpu`; null for its default. */
  readonly cpu: string | null;
  readonly qmpSocket: Text;
  /** The socket of `hvc0`, the console that PV and PVH kernels use; null where the guest has none. */
  readonly pvConsole: Text | null;
  /** Whether a reboot restarts the machine in place or ends the process, for the toolstack to see. */
  readonly onReboot: 'reset' | 'exit';
}

export interface DirectBoot {
  readonly kernel: string;
  readonly ramdisk: string | null;
  readonly cmdline: string | null;
}

/** Where an emulated serial port leads: in QEMU's own words (`pty`, `file:/tmp/log`), or to a socket that QEMU listens on. */
export type Serial =
  { readonly kind: 'qemu'; readonly device: string } | { readonly kind: 'socket'; readonly path: Text };

/** A text channel to the guest, `channel=`. */
export type Channel =
  | { readonly devid: number; readonly connection: 'pty' }
  | { readonly devid: number; readonly connection: 'socket'; readonly path: string };

export interface Display {
  /** null for `vnc=0`. */
  readonly vnc: Vnc | null;
  /** null for `sdl=0`. */
  readonly sdl: Sdl | null;
  /** Only heard where there is neither VNC nor SDL. */
  readonly nographic: boolean;
}

export interface Vnc {
  /** An address, or `address:display`. */
  readonly listen: string;
  readonly display: number;
  /** Whether QEMU is to ask for one; the password itself goes over the monitor, never onto the command line. */
  readonly password: boolean;
  /** Take the next free display, up to 99. */
  readonly findUnused: boolean;
}

export interface Sdl {
  /** The X display and its key file for QEMU's environment; null leaves ours. */
  readonly display: string | null;
  readonly xauthority: string | null;
}

export type Usb =
  | { readonly kind: 'none' }
  /** `usb=1`, `usbdevice=`: QEMU's default controller, and devices in its words (`tablet`). */
  | { readonly kind: 'legacy'; readonly devices: readonly string[] }
  /** `usbversion=`: UHCI, EHCI or XHCI; and how many devices a SPICE client may plug in, 0 to 4. */
  | { readonly kind: 'controller'; readonly version: 1 | 2 | 3; readonly redirections: number };

/** The screen over SPICE. A port of 0 is none. */
export interface Spice {
  readonly port: number;
  readonly tlsPort: number;
  /** The address to listen on; null for every one. */
  readonly host: string | null;
  /** null lets everybody in. It stands on the command line, for every user of the host to read. */
  readonly password: string | null;
  /** The agent in the guest moves the pointer. */
  readonly agentMouse: boolean;
  /** The guest has a channel for the agent. */
  readonly agent: boolean;
  readonly clipboardSharing: boolean;
  /** In QEMU's words: `auto_glz`, `off` …; null for its own choice. */
  readonly imageCompression: string | null;
  /** `filter`, `all`, `off`; null for its own choice. */
  readonly streamingVideo: string | null;
}

export interface EmulatedNic {
  readonly devid: number;
  /** QEMU's name of the card: `rtl8139`, `e1000`. */
  readonly model: string;
  /** `00:16:3e:xx:xx:xx`. */
  readonly mac: string;
  readonly backend:
    | { readonly kind: 'tap'; readonly bridge: string }
    /** QEMU's own network behind NAT. */
    | { readonly kind: 'user' }
    /** A card without a cable. */
    | { readonly kind: 'none' };
}

/** A disk as the machine sees it. */
export interface MachineDisk {
  /** As typed. */
  readonly vdev: string;
  /** What the name stands for (lib/disk/vdev.ts); null for one that names no slot (`768`, or nonsense). */
  readonly slot: DiskSlot | null;
  readonly cdrom: boolean;
  readonly readwrite: boolean;
  /** What QEMU opens: `drive-source.ts` makes it from libxl's disk. */
  readonly medium: Medium;
  /** The disk's place in the configuration, for messages. */
  readonly where?: Where;
}

export interface DiskSlot {
  readonly family: 'hd' | 'sd' | 'xvd';
  readonly devid: number;
  /** 0 for hda, sda, xvda. */
  readonly disk: number;
}

export type Medium =
  /** A drive without a disc. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'image'; readonly path: Text; readonly format: QemuFormat }
  /** Nothing that this host could open (another domain serves it, or only a script could make it): PV access only. */
  | { readonly kind: 'unreachable'; readonly target: string };

/** QEMU's names of the formats; a VHD is `vpc`. */
export type QemuFormat = 'raw' | 'qcow' | 'qcow2' | 'vpc' | 'qed';
