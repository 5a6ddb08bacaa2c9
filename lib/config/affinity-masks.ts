import { errorFrom, XlError } from '../base/error.ts';
import { readCpus, selectCpus, type CpuList } from './cpus.ts';
import type { DomainConfig } from './domain.ts';
import { parseConfig } from './parse.ts';
import { whereOf } from './source.ts';

/** The host's CPUs that xl.conf leaves to guests; a key that is not set leaves all. */
export interface AffinityMasks {
  readonly 'vm.cpumask': CpuList | null;
  /** For HVM and PVH guests. */
  readonly 'vm.hvm.cpumask': CpuList | null;
  readonly 'vm.pv.cpumask': CpuList | null;
}

/** Reads the masks out of the text of xl.conf. Errors: those of parseConfig, `cpus-range`, `xl-conf-type`, each with its place. */
export function readAffinityMasks(text: string, source: string): AffinityMasks {
  const parsed = parseConfig(text, { source });
  const mask = (key: keyof AffinityMasks): CpuList | null => {
    const setting = parsed.settings[key];
    if (setting === undefined) return null;
    const where = whereOf(parsed.source, setting.position);
    if ('list' in setting)
      throw new XlError('xl-conf-type', `${key} is a list but should be a single value`, { where });
    const { cpus, findings } = readCpus(setting.string);
    if (findings.length === 0) return cpus;
    throw errorFrom(
      findings.map(({ severity, code, message, hint }) => ({ severity, code, message, where, ...(hint && { hint }) })),
    );
  };
  return {
    'vm.cpumask': mask('vm.cpumask'),
    'vm.hvm.cpumask': mask('vm.hvm.cpumask'),
    'vm.pv.cpumask': mask('vm.pv.cpumask'),
  };
}

/**
 * The CPUs of a hard affinity that the masks leave (xl_vcpu.c:apply_global_affinity_masks). Throws XlError
 * `affinity-empty` where none is left.
 */
export function maskAffinity(
  cpus: readonly number[],
  masks: AffinityMasks,
  type: DomainConfig['type'],
  host: Parameters<typeof selectCpus>[1],
): number[] {
  const applied = (['vm.cpumask', type === 'pv' ? 'vm.pv.cpumask' : 'vm.hvm.cpumask'] as const).flatMap((key) => {
    const list = masks[key];
    return list === null ? [] : [{ key, allowed: new Set(selectCpus(list, host)) }];
  });
  const left = cpus.filter((cpu) => applied.every(({ allowed }) => allowed.has(cpu)));
  if (left.length > 0) return left;
  throw new XlError('affinity-empty', 'vcpu hard affinity map is empty', {
    hint: `${applied.map(({ key }) => key).join(' and ')} of xl.conf leave none of these CPUs; -i goes past it`,
  });
}
