import type { Diagnostic } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import { hole } from '../base/text.ts';
import { kib } from '../base/units.ts';
import type { Vbd } from '../device/vbd.ts';
import { deviceModelArgv } from '../qemu/argv.ts';
import { missingQemu, xenTarget } from './device-model.ts';
import type { Found } from './found.ts';
import type { ResolvedDeviceModel } from './resolved.ts';

/** A domain that runs, and gets a disk. */
export interface DiskReceiver {
  readonly name: string | null;
  readonly type: 'pv' | 'pvh' | 'hvm' | null;
  readonly hasDeviceModel: boolean;
  /** The most memory that it may have, in KiB; null where nobody noted it. */
  readonly maxKiB: number | null;
}

/**
 * The QEMU that a running PV or PVH guest needs for a disk, as it was created without one; null where no QEMU serves the
 * disk or there is one. libxl starts none: its block-attach succeeds, and the disk never comes.
 */
export function resolveLateDeviceModel(
  { name, type, hasDeviceModel, maxKiB }: DiskReceiver,
  { backend, backendDomid, vdev }: Vbd,
  facts: HostFacts,
): Found<ResolvedDeviceModel | null> {
  const served = backend === 'qdisk' && backendDomid === '0';
  if (facts.host !== 'xen' || type === 'hvm' || hasDeviceModel || !served) return { value: null, diagnostics: [] };
  const options = {
    kind: 'xenpv',
    target: xenTarget(facts),
    binary: facts.qemu.path,
    qemuVersion: facts.qemu.version,
    domid: hole('domid'),
    name,
    maxMemory: kib(maxKiB ?? 0),
    channels: [],
    display: { vnc: null, sdl: null, nographic: false },
    keymap: null,
    extraArgs: [],
    extraKindArgs: [],
  } as const;
  const why = `QEMU serves ${vdev}, and the domain began without one`;
  const { argv, env, warnings } = deviceModelArgv(options);
  const diagnostics: Diagnostic[] = [...warnings, ...missingQemu({ own: null }, facts, why)];
  return { value: { options, argv, env, why }, diagnostics };
}
