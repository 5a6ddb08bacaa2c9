import { keyTable } from '../keys.ts';
import { valuePlace, type Finding, type Pass, type Reading } from '../reading.ts';

const error = (code: string, message: string, rest: Omit<Finding, 'severity' | 'code' | 'message'>): Finding => ({
  severity: 'error',
  code,
  message,
  ...rest,
});

/** More memory or vcpus than the most there may be. */
export const sizes: Pass = ({ keys, parsed }) => {
  const findings: Finding[] = [];
  if (keys.vcpus !== null && keys.maxvcpus !== null && keys.maxvcpus < keys.vcpus) {
    const hint = `raise \`maxvcpus\` to ${keys.vcpus}, or leave it out`;
    const message = `\`maxvcpus\` is ${keys.maxvcpus}, less than \`vcpus\`, which is ${keys.vcpus}`;
    findings.push(
      error('vcpus-over-maximum', message, { ...valuePlace(parsed, 'maxvcpus'), hint, xl: 'xl: maxvcpus < vcpus' }),
    );
  }
  if (keys.memory !== null && keys.maxmem !== null && keys.maxmem < keys.memory) {
    const message = `\`maxmem\` is ${keys.maxmem} MiB, less than \`memory\`, which is ${keys.memory} MiB`;
    const hint = `raise \`maxmem\` to ${keys.memory}, or leave it out`;
    findings.push(error('memory-over-maximum', message, { ...valuePlace(parsed, 'maxmem'), hint }));
  }
  return findings;
};

/** `builder` says the same as `type`, or nothing. */
export const builderAndType: Pass = ({ keys, parsed }) => {
  if (keys.builder === null || keys.type === null) return [];
  const built = keys.builder === 'hvm' ? 'hvm' : 'pv';
  if (built === keys.type) return [];
  const message = 'Contradicting "builder" and "type" options specified.';
  const hint = `\`builder\` is the old word for \`type\`: leave it out`;
  return [error('type-contradiction', message, { ...valuePlace(parsed, 'builder'), hint, xl: message })];
};

/** What a PV or PVH guest boots: a kernel, or firmware in its place. */
export const paravirtualBoot: Pass = ({ type, keys, parsed }) => {
  if (type === 'hvm') return [];
  if (keys.firmware !== null) {
    const place = valuePlace(parsed, 'firmware');
    if (keys.kernel !== null) {
      const hint = `leave one of them out`;
      const xl = 'ERROR: both kernel and firmware specified';
      return [error('boot-contradiction', 'both `kernel` and `firmware` are said', { ...place, hint, xl })];
    }
    if (keys.firmware === 'pvgrub32' || keys.firmware === 'pvgrub64') return [];
    const message = `\`firmware\` of a ${type.toUpperCase()} guest is pvgrub32 or pvgrub64`;
    const hint = 'other firmware needs `type = "hvm"`';
    const xl = 'ERROR: only pvgrub{32|64} supported as firmware options';
    return [error('boot-firmware', message, { ...place, hint, xl })];
  }
  if (keys.kernel !== null || parsed.settings.bootloader !== undefined) return [];
  const message = 'Neither kernel nor bootloader specified';
  const hint = 'say what the guest boots, kernel = "/boot/vmlinuz", or make it an HVM guest, type = "hvm"';
  return [error('boot-nothing', message, { where: { source: parsed.source.name }, hint, xl: message })];
};

/** What an HVM guest that QEMU boots from a kernel needs, and the letters of the boot order. */
export const machineBoot: Pass = ({ type, keys, parsed }) => {
  if (type !== 'hvm') return [];
  const orphans = keys.kernel === null ? (['ramdisk', 'cmdline', 'root', 'extra'] as const) : [];
  const findings = orphans
    .filter((name) => keys[name] !== null)
    .map((name): Finding => ({
      severity: 'warning',
      code: 'boot-without-kernel',
      message: `\`${name}\` has no effect without \`kernel\``,
      ...valuePlace(parsed, name),
      hint: 'an HVM guest without one boots from its disks',
    }));
  const order = keys.boot ?? '';
  if (/[^cdn]/.test(order) || new Set(order).size < order.length) {
    const message = `\`boot\` is "${order.slice(0, 20)}", and is made of c, d and n, each at most once`;
    findings.push(error('boot-order', message, { ...valuePlace(parsed, 'boot'), hint: keyTable.get('boot')!.doc }));
  }
  return findings;
};

/** `cmdline` wins over the pieces that xm had. */
export const commandLine: Pass = ({ keys, parsed }) => {
  if (keys.cmdline === null || (keys.root === null && keys.extra === null)) return [];
  const message = 'ignoring root= and extra= in favour of cmdline=';
  const xl = `Warning: ${message}`;
  return [{ severity: 'warning', code: 'cmdline-wins', message, ...valuePlace(parsed, 'cmdline'), xl }];
};

const SCREEN = [
  'vnc',
  'vnclisten',
  'vncdisplay',
  'vncunused',
  'vncpasswd',
  'sdl',
  'opengl',
  'display',
  'xauthority',
  'keymap',
] as const;

/** Screen keys where there is no screen that they could be about (xl writes them into a field of another guest's). */
export const screens: Pass = ({ type, keys, parsed }) => {
  const reason = screenless({ type, keys, parsed });
  if (reason === null) return [];
  return SCREEN.filter((name) => keys[name] !== null && keys[name] !== false).map((name) => ({
    severity: 'warning',
    code: 'screen-ignored',
    message: `\`${name}\` has no effect: ${reason}`,
    ...valuePlace(parsed, name),
    hint: 'say it in the `vfb` list: vfb = [ "vnc=1" ]',
  }));
};

function screenless({ type, keys }: Reading): string | null {
  if (type === 'hvm') return null;
  if (keys.vfb !== null) return 'the `vfb` list says all';
  return type === 'pvh' ? 'a PVH guest has a screen by `vfb` alone' : null;
}

/** The graphics card, said twice. */
export const graphics: Pass = ({ keys, parsed }) => {
  if (keys.vga === null || keys.stdvga !== true || keys.vga === 'stdvga') return [];
  const message = `\`stdvga\` has no effect: \`vga\` says ${keys.vga}`;
  return [{ severity: 'warning', code: 'vga-wins', message, ...valuePlace(parsed, 'stdvga'), hint: 'leave it out' }];
};
