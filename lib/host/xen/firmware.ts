import { readFile } from 'node:fs/promises';
import { errnoOf, XlError } from '../../base/error.ts';

/** Where distributions keep the BIOSes that hvmloader starts; libxl has one path compiled in (SEABIOS_PATH, OVMF_PATH). */
const BIOSES: Readonly<Record<string, readonly string[]>> = {
  seabios: [
    '/usr/share/seabios/bios-256k.bin',
    '/usr/share/qemu/bios-256k.bin',
    '/usr/lib/xen/boot/seabios.bin',
    '/usr/libexec/xen/boot/seabios.bin',
  ],
  ovmf: [
    '/usr/share/ovmf/OVMF.fd',
    '/usr/share/OVMF/OVMF.fd',
    '/usr/share/edk2/ovmf/OVMF.fd',
    '/usr/lib/xen/boot/ovmf.bin',
    '/usr/libexec/xen/boot/ovmf.bin',
  ],
};

/** The BIOS of an HVM guest, by libxl's name for it; SeaBIOS unless said. Throws XlError `bios-missing`. */
export async function readBios(name: string | null): Promise<Uint8Array> {
  const paths = BIOSES[name ?? 'seabios'] ?? [];
  const reasons: string[] = [];
  for (const path of paths) {
    try {
      return await readFile(path);
    } catch (error) {
      reasons.push(`${path}: ${errnoOf(error) ?? String(error)}`);
    }
  }
  throw new XlError('bios-missing', `there is no ${name ?? 'seabios'} for hvmloader to start`, {
    hint: `install the package ${name ?? 'seabios'}`,
    evidence: [{ title: 'tried', lines: reasons }],
  });
}
