import type { StoreOp } from '../base/store-op.ts';
import { t, type Text } from '../base/text.ts';

/** A domain's identity, as far as its own nodes need it. */
export interface DomainIdentity {
  readonly domid: Text;
  readonly uuid: string;
  readonly name: string;
  readonly type: 'pv' | 'pvh' | 'hvm';
  /** Makes the nodes that a driver domain's toolstack needs. */
  readonly driverDomain: boolean;
}

/** Roots of a domain's nodes. */
export const domainPath = (domid: Text): Text => t`/local/domain/${domid}`;
export const vmPath = (uuid: string): Text => `/vm/${uuid}`;
export const libxlPath = (domid: Text): Text => t`/libxl/${domid}`;

/**
 * The nodes that a domain has before any device, in libxl's order (`libxl_create.c:libxl__domain_make`, one transaction).
 * A name that another domain has makes the transaction fail.
 */
export function domainSkeleton(domain: DomainIdentity): StoreOp[] {
  const { domid, uuid, name, type } = domain;
  const home = domainPath(domid);
  const vm = vmPath(uuid);
  const libxl = libxlPath(domid);
  const toolstackOnly = ['n0'];
  const guestReads = ['n0', t`r${domid}`];
  const guestOwns = [t`n${domid}`];
  const empty = (path: Text, perms: readonly Text[]): StoreOp => ({ op: 'write', path, value: '', perms });
  const below = (names: readonly string[], perms: readonly Text[]): StoreOp[] =>
    names.map((child) => empty(t`${home}/${child}`, perms));
  const write = (path: Text, value: Text): StoreOp => ({ op: 'write', path, value });
  const hvm = type === 'hvm';
  return [
    requireUnusedName(domid, name),
    { op: 'rm', path: home },
    empty(home, guestReads),
    { op: 'rm', path: vm },
    empty(vm, guestReads),
    { op: 'rm', path: libxl },
    empty(libxl, toolstackOnly),
    empty(t`${libxl}/device`, toolstackOnly),
    write(t`${home}/vm`, vm),
    write(t`${home}/name`, name),
    write(t`${vm}/name`, name),
    ...below(['cpu', 'memory', 'device'], guestReads),
    ...below(['device/suspend/event-channel'], guestOwns),
    ...below(['control'], guestReads),
    ...below(hvm ? ['hvmloader'] : [], guestReads),
    ...below(['shutdown', 'feature-poweroff', 'feature-reboot', 'feature-suspend'].map(inControl), guestOwns),
    ...below((hvm ? ['feature-s3', 'feature-s4'] : []).map(inControl), guestOwns),
    ...below(['control/sysrq', 'data', 'drivers', 'feature', 'attr', 'error'], guestOwns),
    ...below(domain.driverDomain ? ['libxl', 'device-model'] : [], guestOwns),
    write(t`${vm}/uuid`, uuid),
    write(t`${vm}/name`, name),
    write(t`${home}/control/platform-feature-multiprocessor-suspend`, '1'),
    write(t`${home}/control/platform-feature-xs_reset_watches`, '1'),
    write(t`${libxl}/type`, type),
  ];
}

const inControl = (name: string): string => `control/${name}`;

const requireUnusedName = (domid: Text, name: string): StoreOp => ({
  op: 'require-unused-name',
  name,
  domid,
  error: {
    code: 'domain-name-taken',
    message: `Domain with name "${name}" already exists.`,
    hint: `choose another name, or see \`xl list ${name}\``,
  },
});

/** Gives a domain another name (`libxl_domain.c:libxl__domain_rename`, one transaction); one that another has makes it fail. */
export function renameDomain(domain: { readonly domid: Text; readonly uuid: string | null }, name: string): StoreOp[] {
  const { domid, uuid } = domain;
  return [
    requireUnusedName(domid, name),
    { op: 'write', path: t`${domainPath(domid)}/name`, value: name },
    ...(uuid === null ? [] : [{ op: 'write', path: t`${vmPath(uuid)}/name`, value: name } as const]),
  ];
}

/** Where a guest is asked to end, with `poweroff` or `reboot`; it clears the node when it has taken note. */
export const shutdownRequestPath = (domid: Text): Text => t`${domainPath(domid)}/control/shutdown`;

/** Where a guest gets a letter as if from its SysRq key. */
export const sysrqPath = (domid: Text): Text => t`${domainPath(domid)}/control/sysrq`;

/** What the guest may know of the machine it got, written once its memory is built. */
export interface BuiltDomain {
  readonly domid: Text;
  readonly uuid: string;
  readonly type: 'pv' | 'pvh' | 'hvm';
  readonly maxKiB: number;
  /** What the balloon driver should aim at. */
  readonly targetKiB: number;
  readonly videoKiB: number;
  readonly onlineVcpus: number;
  readonly maxVcpus: number;
  readonly storePort: Text;
  readonly storeGfn: Text;
  /** Seconds since 1970 with two decimals. */
  readonly startTime: Text;
  readonly kernel: string | null;
  readonly ramdisk: string | null;
  readonly cmdline: string | null;
  readonly acpi: boolean;
  readonly acpiS3: boolean;
  readonly acpiS4: boolean;
  readonly acpiLaptopSlate: boolean;
  readonly timeOffset: string;
}

/** The nodes that describe the built machine, in libxl's order (`libxl_dom.c:libxl__build_post`, one transaction). */
export function builtDomainNodes(domain: BuiltDomain): StoreOp[] {
  const home = domainPath(domain.domid);
  const vm = vmPath(domain.uuid);
  const write = (path: Text, value: Text): StoreOp => ({ op: 'write', path, value });
  const cpus = Array.from({ length: domain.maxVcpus }, (_, cpu) =>
    write(t`${home}/cpu/${cpu}/availability`, cpu < domain.onlineVcpus ? 'online' : 'offline'),
  );
  const bit = (name: string, value: boolean): StoreOp => write(t`${home}/platform/${name}`, value ? '1' : '0');
  const platform: StoreOp[] =
    domain.type === 'hvm'
      ? [
          bit('acpi', domain.acpi),
          bit('acpi_s3', domain.acpiS3),
          bit('acpi_s4', domain.acpiS4),
          bit('acpi_laptop_slate', domain.acpiLaptopSlate),
          write(t`${home}/platform/device-model`, 'qemu_xen'),
        ]
      : [];
  return [
    write(t`${home}/memory/static-max`, String(domain.maxKiB)),
    write(t`${home}/memory/target`, String(domain.targetKiB)),
    write(t`${home}/memory/videoram`, String(domain.videoKiB)),
    write(t`${home}/domid`, domain.domid),
    write(t`${home}/store/port`, domain.storePort),
    write(t`${home}/store/ring-ref`, domain.storeGfn),
    ...cpus,
    ...platform,
    ...imageNodes(domain, vm),
  ];
}

function imageNodes(domain: BuiltDomain, vm: Text): StoreOp[] {
  const write = (name: string, value: Text): StoreOp => ({ op: 'write', path: t`${vm}/${name}`, value });
  const started = write('start_time', domain.startTime);
  switch (domain.type) {
    case 'hvm':
      return [write('rtc/timeoffset', domain.timeOffset), write('image/ostype', 'hvm'), started];
    case 'pvh':
      return [started];
    case 'pv':
      return [
        write('image/ostype', 'linux'),
        write('image/kernel', domain.kernel ?? ''),
        started,
        ...(domain.ramdisk === null ? [] : [write('image/ramdisk', domain.ramdisk)]),
        ...(domain.cmdline === null ? [] : [write('image/cmdline', domain.cmdline)]),
      ];
  }
}

/** Removes all nodes of a domain that are not a device's, in libxl's order (`libxl__destroy_domid`). */
export function removeDomain(domain: { readonly domid: Text; readonly uuid: string | null }): StoreOp[] {
  return [
    ...(domain.uuid === null ? [] : [{ op: 'rm', path: vmPath(domain.uuid) } as const]),
    { op: 'rm', path: domainPath(domain.domid) },
    { op: 'rm', path: libxlPath(domain.domid) },
  ];
}
