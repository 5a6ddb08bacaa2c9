import type { DomainConfig } from '../config/domain.ts';
import { screenOf } from '../config/screens.ts';
import { ENLIGHTENMENTS } from '../config/viridian.ts';
import type { Chosen } from './domain.ts';
import { kibOf } from './build-info.ts';
import { sdlJson, vncJson } from './devices.ts';
import { defbool, list, sparse, unlessZero, type JsonObject, type JsonValue } from './json.ts';

/** What only an HVM guest has (the union's `hvm` in `libxl_domain_build_info`). */
export function hvmInfo(config: DomainConfig, { generation }: Chosen): JsonObject {
  const { keys } = config;
  return sparse({
    ...firmware(config),
    pae: defbool(keys.pae),
    acpi_s3: defbool(keys.acpi_s3),
    acpi_s4: defbool(keys.acpi_s4),
    acpi_laptop_slate: defbool(keys.acpi_laptop_slate),
    nx: defbool(keys.nx),
    ...viridian(config),
    hpet: defbool(keys.hpet),
    vpt_align: defbool(keys.vpt_align),
    mmio_hole_memkb: kibOf(keys.mmio_hole),
    altp2m: defbool(keys.altp2mhvm),
    system_firmware: keys.bios_path_override,
    smbios_firmware: keys.smbios_firmware,
    acpi_firmware: keys.acpi_firmware,
    hdtype: keys.hdtype === 'ide' ? null : keys.hdtype,
    nographic: defbool(keys.nographic),
    vga: sparse({ kind: videoCard(config) }),
    vnc: vncJson(screenOf(config)),
    keymap: keys.keymap,
    sdl: sdlJson(screenOf(config)),
    spice: spice(config),
    ...passedGraphics(config),
    serial: single(config, 'serial'),
    boot: keys.boot,
    usb: defbool(keys.usb),
    usbversion: unlessZero(keys.usbversion),
    usbdevice: single(config, 'usbdevice'),
    vkb_device: defbool(keys.vkb_device),
    soundhw: keys.soundhw,
    xen_platform_pci: defbool(keys.xen_platform_pci),
    usbdevice_list: several(config, 'usbdevice'),
    vendor_device: keys.vendor_device === 'none' ? null : keys.vendor_device,
    ms_vm_genid: keys.ms_vm_genid === 'generate' ? (generation ?? null) : null,
    serial_list: several(config, 'serial'),
    rdm: {},
    rdm_mem_boundary_memkb: kibOf(keys.rdm_mem_boundary),
    mca_caps: keys.mca_caps?.includes('lmce') === true ? MCA_LMCE : null,
  });
}

/** `firmware` is a word for a BIOS, or else a file that takes hvmloader's place; `firmware_override` is the file. */
function firmware({ keys }: DomainConfig): { readonly firmware: string | null; readonly bios: string | null } {
  const words: Readonly<Record<string, string | null>> = {
    bios: null,
    uefi: 'ovmf',
    seabios: 'seabios',
    rombios: 'rombios',
    ovmf: 'ovmf',
  };
  const said = keys.firmware;
  const word = said !== null && Object.hasOwn(words, said);
  return {
    firmware: said === null || word ? keys.firmware_override : said,
    bios: (word ? words[said] : null) ?? keys.bios,
  };
}

/** `stdvga=` is the old way to say which card. */
function videoCard({ keys: { vga, stdvga } }: DomainConfig): string | null {
  const card = vga ?? (stdvga === null ? null : stdvga ? 'stdvga' : 'cirrus');
  return card === 'stdvga' ? 'std' : card;
}

/** XEN_HVM_MCA_CAP_LMCE. */
const MCA_LMCE = 1;

/** Hyper-V's interfaces in the order of libxl's numbers; a word that is none of them was refused before. */
const NUMBERED: readonly string[] = ENLIGHTENMENTS;
/** libxl's bitmaps of groups have whole bytes: `all` sets bits that stand for nothing. */
const VIRIDIAN_BITS = 64;

/** `viridian` is yes or no, or a list of groups to enable and, behind a `!`, to disable. */
function viridian({ keys: { viridian: said } }: DomainConfig): Readonly<Record<string, JsonValue>> {
  if (said === null || typeof said === 'boolean') return { viridian: defbool(said) };
  const sets = { enable: new Set<number>(), disable: new Set<number>() };
  let defaults = false;
  for (const word of said) {
    const group = word.replace(/^!/, '').toLowerCase();
    const set = word.startsWith('!') ? sets.disable : sets.enable;
    if (group === 'defaults') defaults = !word.startsWith('!');
    else if (group === 'all') for (let bit = 0; bit < VIRIDIAN_BITS; bit += 1) set.add(bit);
    else set.add(NUMBERED.indexOf(group));
  }
  return {
    viridian: defaults ? 'True' : null,
    viridian_enable: list([...sets.enable].toSorted((one, other) => one - other)),
    viridian_disable: list([...sets.disable].toSorted((one, other) => one - other)),
  };
}

function passedGraphics({ keys: { gfx_passthru: said } }: DomainConfig): Readonly<Record<string, JsonValue>> {
  const kind = said === null || typeof said === 'boolean' || said === 'default' ? null : said;
  return { gfx_passthru: said === null ? null : defbool(said !== false), gfx_passthru_kind: kind };
}

const spice = ({ keys }: DomainConfig): JsonObject =>
  sparse({
    enable: defbool(keys.spice),
    port: unlessZero(keys.spiceport),
    tls_port: unlessZero(keys.spicetls_port),
    host: keys.spicehost,
    disable_ticketing: defbool(keys.spicedisable_ticketing),
    passwd: keys.spicepasswd,
    agent_mouse: defbool(keys.spiceagent_mouse),
    vdagent: defbool(keys.spicevdagent),
    clipboard_sharing: defbool(keys.spice_clipboard_sharing),
    usbredirection: unlessZero(keys.spiceusbredirection),
    image_compression: keys.spice_image_compression,
    streaming_video: keys.spice_streaming_video,
  });

type OneOrMore = 'serial' | 'usbdevice';

/** libxl has two fields for what may be one word or a list: which of them counts by how it was written. */
const single = ({ keys, singles }: DomainConfig, name: OneOrMore): string | null =>
  singles.includes(name) ? (keys[name]?.[0] ?? null) : null;

const several = ({ keys, singles }: DomainConfig, name: OneOrMore): readonly string[] | null =>
  singles.includes(name) ? null : (list(keys[name]) as readonly string[] | null);
