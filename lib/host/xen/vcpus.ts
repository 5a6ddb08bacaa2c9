import { errnoNameOf } from '../../sys/sys.ts';
import { getVcpuAffinity, getVcpuInfo, physinfo, type Affinity, type DomainInfo, type VcpuInfo } from './hypercalls.ts';
import type { Xen } from './version.ts';

/** A vcpu: what it does, and where it may and would best do it. */
export interface Vcpu extends VcpuInfo {
  readonly vcpu: number;
  readonly affinity: Affinity;
}

/** A domain's vcpus, by number. One that goes while we look is passed over. */
export function listVcpus(xen: Xen, { domid, maxVcpuId }: Pick<DomainInfo, 'domid' | 'maxVcpuId'>): Vcpu[] {
  const cpus = physinfo(xen).maxCpuId + 1;
  const vcpus: Vcpu[] = [];
  for (let vcpu = 0; vcpu <= (maxVcpuId ?? -1); vcpu++) {
    try {
      vcpus.push({ vcpu, ...getVcpuInfo(xen, domid, vcpu), affinity: getVcpuAffinity(xen, domid, vcpu, cpus) });
    } catch (error) {
      if (errnoNameOf(error) !== 'ESRCH') throw error;
    }
  }
  return vcpus;
}
