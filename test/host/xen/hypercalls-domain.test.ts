import { describe, expect, it } from 'vitest';
import * as hypercalls from '../../../lib/host/xen/hypercalls.ts';
import { encodeAll } from '../../../lib/xen/abi/codec.ts';
import { handleOf } from '../../../lib/xen/abi/common.ts';
import { getdomaininfo, X86_EMU } from '../../../lib/xen/abi/domctl-structs.ts';
import { sizeOf } from '../../../lib/xen/abi/layout.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();
const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const signal = new AbortController().signal;

describe('calls that only set something', () => {
  it.each<[string, () => unknown, object]>([
    ['pauseDomain', () => hypercalls.pauseDomain(on.xen, 3), { name: 'pausedomain', domid: 3 }],
    ['unpauseDomain', () => hypercalls.unpauseDomain(on.xen, 3), { name: 'unpausedomain', domid: 3 }],
    ['resumeDomain', () => hypercalls.resumeDomain(on.xen, 3), { name: 'resumedomain', domid: 3 }],
    [
      'setMaxMem',
      () => hypercalls.setMaxMem(on.xen, 3, 66560),
      { name: 'max_mem', domid: 3, values: { max_memkb: 66560 } },
    ],
    ['setMaxVcpus', () => hypercalls.setMaxVcpus(on.xen, 3, 4), { name: 'max_vcpus', values: { max: 4 } }],
    [
      'setAddressSize',
      () => hypercalls.setAddressSize(on.xen, 3, 32),
      { name: 'set_address_size', values: { size: 32 } },
    ],
    [
      'setPagingMempool',
      () => hypercalls.setPagingMempool(on.xen, 3, 2 ** 33),
      { name: 'set_paging_mempool_size', values: { size: 2 ** 33 } },
    ],
    [
      'initHypercallPage',
      () => hypercalls.initHypercallPage(on.xen, 3, 9),
      { name: 'hypercall_init', values: { gmfn: 9 } },
    ],
    [
      'setTimeOffset',
      () => hypercalls.setTimeOffset(on.xen, 3, -3600),
      { name: 'settimeoffset', values: { time_offset_seconds: -3600n } },
    ],
    [
      'setTscMode',
      () => hypercalls.setTscMode(on.xen, 3, 2),
      { name: 'settscinfo', values: { tsc_mode: 2, gtsc_khz: 0 } },
    ],
    ['setTarget', () => hypercalls.setTarget(on.xen, 3, 2), { name: 'set_target', domid: 3, values: { target: 2 } }],
    [
      'sendTrigger',
      () => hypercalls.sendTrigger(on.xen, 3, 'POWER'),
      { name: 'sendtrigger', values: { trigger: 3, vcpu: 0 } },
    ],
    [
      'permitIrq',
      () => hypercalls.permitIrq(on.xen, 3, 17, true),
      { name: 'irq_permission', values: { pirq: 17, allow_access: 1 } },
    ],
    [
      'permitIoports',
      () => hypercalls.permitIoports(on.xen, 3, 0x3f8, 8, false),
      { name: 'ioport_permission', values: { first_port: 0x3f8, nr_ports: 8, allow_access: 0 } },
    ],
    [
      'permitIomem',
      () => hypercalls.permitIomem(on.xen, 3, 0xfee00, 1, true),
      { name: 'iomem_permission', values: { first_mfn: 0xfee00, nr_mfns: 1, allow_access: 1 } },
    ],
    [
      'setHvmParam',
      () => hypercalls.setHvmParam(on.xen, 3, 'CONSOLE_PFN', 0xfefff),
      { name: 'set_param', values: { domid: 3, index: 17, value: 0xfefffn } },
    ],
    [
      'setHvmParam by number',
      () => hypercalls.setHvmParam(on.xen, 3, 10, 1n),
      { name: 'set_param', values: { index: 10, value: 1n } },
    ],
    [
      'claimPages',
      () => hypercalls.claimPages(on.xen, 3, 16384),
      { name: 'claim_pages', values: { extent_start: 0, nr_extents: 16384, domid: 3 } },
    ],
    [
      'mapInGuest',
      () => hypercalls.mapInGuest(on.xen, 3, { space: 'grant_table', index: 1, frame: 0xfeff0 }),
      { name: 'add_to_physmap', values: { domid: 3, space: 1, idx: 1, gpfn: 0xfeff0 } },
    ],
    [
      'pinTable',
      () => hypercalls.pinTable(on.xen, 3, 4, 0x1234),
      { name: 'mmuext_op', domid: 3, values: { cmd: 3, 'arg1.mfn': 0x1234, count: 1n } },
    ],
  ])('%s', (_, call, expected) => {
    call();
    expect(on.fake.calls).toHaveLength(1);
    expect(on.fake.calls[0]).toMatchObject(expected);
  });
});

describe('createDomain', () => {
  const domain: hypercalls.NewDomain = {
    domid: null,
    uuid: UUID,
    flags: ['hvm', 'hap'],
    maxVcpus: 2,
    maxEvtchnPort: 1023,
    maxGrantFrames: -1,
    maxMaptrackFrames: -1,
    maxGrantVersion: 2,
    emulation: X86_EMU.LAPIC,
    relaxedMsrs: true,
  };

  it.each([0x15, 0x16, 0x17, 0x18])(
    'tells a Xen that speaks %i everything, and answers the number',
    async (version) => {
      await on.reopen({ domctl: version, sysctl: 0x15 });
      on.fake.answers.createdomain = () => ({ domain: 5 });
      expect(hypercalls.createDomain(on.xen, domain)).toBe(5);
      expect(on.fake.calls[0]).toMatchObject({
        name: 'createdomain',
        domid: 0x7ff5,
        values: {
          handle: handleOf(UUID),
          flags: 3,
          iommu_opts: 0,
          max_vcpus: 2,
          max_evtchn_port: 1023,
          max_grant_frames: -1,
          max_maptrack_frames: -1,
          grant_opts: 2,
          vmtrace_size: 0,
          cpupool_id: 0,
          arch: { emulation_flags: 1, misc_flags: 1 },
        },
      });
    },
  );

  it('asks for a number where there is one', () => {
    expect(hypercalls.createDomain(on.xen, { ...domain, domid: 12, separateIommuTables: true })).toBe(12);
    expect(on.fake.calls[0]).toMatchObject({ domid: 12, values: { iommu_opts: 1 } });
  });
});

describe('destroyDomain', () => {
  it('asks again while Xen is not done, and others have their turn', async () => {
    const turnTaken: boolean[] = [];
    let turned = false;
    setImmediate(() => (turned = true));
    on.fake.answers.destroydomain = () => {
      turnTaken.push(turned);
      return turnTaken.length < 4 ? refuse('EAGAIN') : undefined;
    };
    expect(await hypercalls.destroyDomain(on.xen, 3, signal)).toBe(true);
    expect(turnTaken).toEqual([true, true, true, true]);
  });

  it('says where there was nothing to destroy, and throws all else', async () => {
    on.fake.answers.destroydomain = () => refuse('ESRCH');
    expect(await hypercalls.destroyDomain(on.xen, 3, signal)).toBe(false);
    on.fake.answers.destroydomain = () => refuse('EPERM');
    await expect(hypercalls.destroyDomain(on.xen, 3, signal)).rejects.toMatchObject({ code: 'no-privilege' });
  });

  it('ends when it is told to, though Xen is not done', async () => {
    const controller = new AbortController();
    on.fake.answers.destroydomain = () => {
      controller.abort();
      return refuse('EAGAIN');
    };
    await expect(hypercalls.destroyDomain(on.xen, 3, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(on.fake.calls).toHaveLength(1);
  });
});

describe('what Xen says of domains', () => {
  const state = { domain: 3, flags: (1 << 16) | 0b1110, tot_pages: 100, max_pages: 200, handle: handleOf(UUID) };

  it('is decoded', () => {
    on.fake.answers.getdomaininfo = () => ({
      domain: 3,
      values: { ...state, cpu_time: 5n, shared_info_frame: 2n ** 64n - 1n, max_vcpu_id: 1, nr_online_vcpus: 2 },
    });
    expect(hypercalls.getDomainInfo(on.xen, 3)).toMatchObject({
      domid: 3,
      uuid: UUID,
      flags: { dying: false, hvm_guest: true, shutdown: true, paused: true, running: false },
      shutdownReason: 1,
      pages: 100,
      maxPages: 200,
      cpuTimeNs: 5n,
      sharedInfoFrame: 2n ** 64n - 1n,
      onlineVcpus: 2,
      maxVcpuId: 1,
    });
  });

  it('has no reason where it is up, no vcpu where there is none', () => {
    on.fake.answers.getdomaininfo = () => ({
      domain: 3,
      values: { ...state, flags: 1 << 5, max_vcpu_id: 0xffff_ffff },
    });
    expect(hypercalls.getDomainInfo(on.xen, 3)).toMatchObject({ shutdownReason: null, maxVcpuId: null });
  });

  it('is null for a domain that is not there: 4.17 answers the next one, later Xens ESRCH', () => {
    on.fake.answers.getdomaininfo = () => ({ domain: 7, values: { ...state, domain: 7 } });
    expect(hypercalls.getDomainInfo(on.xen, 3)).toBeNull();
    on.fake.answers.getdomaininfo = () => refuse('ESRCH');
    expect(hypercalls.getDomainInfo(on.xen, 3)).toBeNull();
  });

  it.each([0, 1, 255, 256, 257, 1000])('lists %i domains, in as few calls as hold them', (count) => {
    const domains = Array.from({ length: count }, (_, index) => ({ ...state, domain: index * 3 }));
    on.fake.answers['sysctl getdomaininfolist'] = ({ values }, at) => {
      const { first_domain: first, max_domains: most, buffer } = values as Record<string, number>;
      const batch = domains.filter(({ domain }) => domain >= first!).slice(0, most);
      at(buffer, most! * sizeOf(getdomaininfo, 0x15)).set(encodeAll(getdomaininfo, batch, 0x15));
      return { values: { num_domains: batch.length } };
    };
    expect(hypercalls.listDomains(on.xen).map(({ domid }) => domid)).toEqual(domains.map(({ domain }) => domain));
    expect(on.fake.calls).toHaveLength(Math.floor(count / 256) + 1);
  });
});

describe('event channels', () => {
  it('are ports to which another domain may connect', () => {
    on.fake.answers.alloc_unbound = () => ({ values: { port: 11 } });
    expect(hypercalls.allocUnbound(on.xen, 3, 0)).toBe(11);
    expect(on.fake.calls[0]!.values).toMatchObject({ dom: 3, remote_dom: 0 });
  });

  it('and parameters are read back', () => {
    on.fake.answers.get_param = () => ({ values: { value: 2n ** 40n } });
    expect(hypercalls.getHvmParam(on.xen, 3, 'STORE_PFN')).toBe(2n ** 40n);
    expect(on.fake.calls[0]!.values).toMatchObject({ index: 1 });
  });

  it.each([
    [0x16, 0, 1],
    [0x17, 0, 0],
    [0x17, 1, 1],
  ])('in domctl version %i, set ALTP2M to %i with %i calls', async (domctl, value, calls) => {
    await on.reopen({ domctl, sysctl: 0x15 });
    hypercalls.setHvmParam(on.xen, 3, 'ALTP2M', value);
    expect(on.fake.calls).toHaveLength(calls);
  });
});
