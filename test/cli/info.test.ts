import { describe, expect, it } from 'vitest';
import { embeddedInfoEntries, infoLines, infoValues, withStoreFeatures, xenInfoEntries } from '../../cli/print/info.ts';
import type { HostDescription } from '../../lib/host/facts.ts';
import type { XenInfo } from '../../lib/host/xen/info.ts';

const machine = {
  host: 'alpha',
  release: '6.1.0',
  version: '#1 SMP',
  machine: 'x86_64',
  cpus: 2,
  totalMemory: 4096 * 2 ** 20,
  freeMemory: 1.5 * 2 ** 20,
};
const can = {
  hvm: true,
  pv: true,
  directio: true,
  hap: true,
  shadow: true,
  iommu_hap_pt_share: false,
  vmtrace: false,
  vpmu: true,
  gnttab_v1: true,
  gnttab_v2: true,
};
const info: XenInfo = {
  version: {
    major: 4,
    minor: 17,
    extra: '.7',
    capabilities: 'xen-3.0-x86_64 hvm-3.0-x86_64 ',
    changeset: '',
    commandline: 'placeholder dom0_mem=1G',
    compiler: 'gcc 12',
    compiledBy: 'me',
    compileDomain: 'here',
    compileDate: 'today',
    pageSize: 4096,
    virtStart: 0xffff_8000_0000_0000n,
    buildId: 'ab',
  },
  physical: {
    threadsPerCore: 1,
    coresPerSocket: 2,
    cpus: 2,
    maxCpuId: 1,
    nodes: 1,
    maxNodeId: 0,
    cpuKhz: 2_400_007,
    capabilities: can,
    totalPages: 1025 * 256 + 255,
    freePages: 512 * 256,
    scrubPages: 0,
    outstandingPages: 256,
    hwCaps: [0x1f, 0, 0xffff_ffff, 0, 0, 0, 0, 1],
  },
  shared: { freedPages: 512, usedFrames: 256 },
  freeCpus: 0,
  scheduler: 'credit2',
};

describe('xl info', () => {
  it('prints what stock xl prints, in its order', () => {
    expect(infoLines(xenInfoEntries(machine, info))).toEqual([
      'host                   : alpha',
      'release                : 6.1.0',
      'version                : #1 SMP',
      'machine                : x86_64',
      'nr_cpus                : 2',
      'max_cpu_id             : 1',
      'nr_nodes               : 1',
      'cores_per_socket       : 2',
      'threads_per_core       : 1',
      'cpu_mhz                : 2400.007',
      'hw_caps                : 0000001f:00000000:ffffffff:00000000:00000000:00000000:00000000:00000001',
      'virt_caps              : pv hvm hvm_directio pv_directio hap shadow vpmu gnttab-v1 gnttab-v2',
      'total_memory           : 1025',
      'free_memory            : 511',
      'sharing_freed_memory   : 2',
      'sharing_used_memory    : 1',
      'outstanding_claims     : 1',
      'free_cpus              : 0',
      'xen_major              : 4',
      'xen_minor              : 17',
      'xen_extra              : .7',
      'xen_version            : 4.17.7',
      'xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_64 ',
      'xen_scheduler          : credit2',
      'xen_pagesize           : 4096',
      'platform_params        : virt_start=0xffff800000000000',
      'xen_changeset          : ',
      'xen_commandline        : placeholder dom0_mem=1G',
      'cc_compiler            : gcc 12',
      'cc_compile_by          : me',
      'cc_compile_domain      : here',
      'cc_compile_date        : today',
      'build_id               : ab',
      'xend_config_format     : 4',
    ]);
  });

  it('says the features of xenstored with -x, in their place', () => {
    expect(infoLines(withStoreFeatures(xenInfoEntries(machine, info), 3)).slice(-3)).toEqual([
      'build_id               : ab',
      'xenstore_features      : 0x00000003',
      'xend_config_format     : 4',
    ]);
  });

  it.each([
    ['host', ['alpha']],
    ['xen_m', ['4', '17']],
    ['virt_caps', ['pv hvm hvm_directio pv_directio hap shadow vpmu gnttab-v1 gnttab-v2']],
    ['xen_changeset', ['']],
    ['nosuch', []],
    ['ost', []],
  ])('with %s prints the values alone', (word, values) => {
    expect(infoValues(xenInfoEntries(machine, info), word)).toEqual(values);
  });

  it('says nothing of what Xen cannot do', () => {
    const nothing = Object.fromEntries(Object.keys(can).map((name) => [name, false])) as typeof can;
    const without = (capabilities: typeof can) =>
      xenInfoEntries(machine, { ...info, physical: { ...info.physical, capabilities } });
    expect(infoLines(without(nothing))).toContain('virt_caps              :');
    expect(infoValues(without(nothing), 'virt_caps')).toEqual([]);
    expect(infoValues(without({ ...nothing, pv: true, directio: true }), 'virt_caps')).toEqual(['pv pv_directio']);
  });

  it('says of the embedded host what it is', () => {
    const qemu = { path: 'qemu-system-x86_64', accel: 'kvm', accelReason: '/dev/kvm works' } as const;
    const description = { host: 'embedded', xenVersion: '4.17', qemu } as HostDescription;
    expect(infoLines(embeddedInfoEntries(machine, description))).toEqual([
      'host                   : alpha',
      'release                : 6.1.0',
      'version                : #1 SMP',
      'machine                : x86_64',
      'nr_cpus                : 2',
      'total_memory           : 4096',
      'free_memory            : 1',
      'xen_version            : none; follows 4.17',
      'qemu                   : qemu-system-x86_64',
      'accel                  : kvm',
      'accel_reason           : /dev/kvm works',
    ]);
  });
});
