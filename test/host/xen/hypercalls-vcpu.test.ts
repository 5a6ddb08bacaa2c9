import { describe, expect, it } from 'vitest';
import * as hypercalls from '../../../lib/host/xen/hypercalls.ts';
import { encode, encodeAll } from '../../../lib/xen/abi/codec.ts';
import { cpuidLeaf, msrEntry, schedCredit } from '../../../lib/xen/abi/domctl-structs.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();

describe('vcpus', () => {
  it('are pinned by masks', () => {
    on.fake.answers.setvcpuaffinity = ({ values }, at) => {
      const { cpumap_hard: hard, cpumap_soft: soft } = values as Record<string, { bitmap: number; nr_bits: number }>;
      expect([hard!.nr_bits, [...at(hard!.bitmap, 2)], [...at(soft!.bitmap, 2)]]).toEqual([12, [2, 8], [0, 0]]);
      return undefined;
    };
    hypercalls.setVcpuAffinity(on.xen, 3, 1, { hard: [1, 11] }, 12);
    expect(on.fake.calls[0]!.values).toMatchObject({ vcpu: 1, flags: 1 });
  });

  it('tell where they may run, and what they do', () => {
    on.fake.answers.getvcpuaffinity = ({ values }, at) => {
      const { cpumap_hard: hard, cpumap_soft: soft } = values as Record<string, { bitmap: number }>;
      at(hard!.bitmap, 1)[0] = 0b101;
      at(soft!.bitmap, 1)[0] = 0b1111;
      return undefined;
    };
    on.fake.answers.getvcpuinfo = () => ({ values: { online: 1, running: 1, cpu_time: 77n, cpu: 2 } });
    expect(hypercalls.getVcpuAffinity(on.xen, 3, 0, 4)).toEqual({ hard: [0, 2], soft: [0, 1, 2, 3] });
    expect(hypercalls.getVcpuInfo(on.xen, 3, 1)).toEqual({
      online: true,
      blocked: false,
      running: true,
      cpuTimeNs: 77n,
      cpu: 2,
    });
  });

  it('prefer memory of some nodes', () => {
    on.fake.answers.setnodeaffinity = ({ values }, at) => {
      const { bitmap } = values.nodemap as Record<string, number>;
      expect([...at(bitmap, 1)]).toEqual([2]);
      return undefined;
    };
    hypercalls.setNodeAffinity(on.xen, 3, [1], 2);
    expect(on.fake.calls).toHaveLength(1);
  });

  it('get registers', () => {
    const context = Uint8Array.from({ length: 5168 }, (_, index) => index & 0xff);
    on.fake.answers.setvcpucontext = ({ values }, at) => {
      expect(at(values.ctxt, 5168)).toEqual(context);
      return undefined;
    };
    hypercalls.setVcpuContext(on.xen, 3, 0, context);
    expect(on.fake.calls).toHaveLength(1);
  });

  it('have contexts that are read whole, and written', () => {
    on.fake.answers.gethvmcontext = ({ values }, at) => {
      if (values.buffer !== 0) at(values.buffer, 300).fill(7, 0, 250);
      return { values: { size: values.buffer === 0 ? 300 : 250 } };
    };
    expect(hypercalls.getHvmContext(on.xen, 3)).toEqual(new Uint8Array(250).fill(7));
    on.fake.answers.sethvmcontext = ({ values }, at) => {
      expect(at(values.buffer, 3)).toEqual(Uint8Array.of(1, 2, 3));
      return undefined;
    };
    hypercalls.setHvmContext(on.xen, 3, Uint8Array.of(1, 2, 3));
    expect(on.fake.calls.at(-1)!.values).toMatchObject({ size: 3 });
  });

  it('are scheduled by weight and cap, or by period and budget', () => {
    on.fake.answers.scheduler_op = ({ values }) =>
      values.cmd === 1 ? { values: { u: encode(schedCredit, { weight: 512, cap: 50 }) } } : undefined;
    hypercalls.setSchedulerParams(on.xen, 3, { scheduler: 'CREDIT2', weight: 256, cap: 25 });
    hypercalls.setSchedulerParams(on.xen, 3, { scheduler: 'RTDS', period: 10_000, budget: 4_000, extra: true });
    expect(hypercalls.getSchedulerParams(on.xen, 3, 'CREDIT')).toEqual({ scheduler: 'CREDIT', weight: 512, cap: 50 });
    expect(on.fake.calls.map(({ values }) => [values.sched_id, values.cmd])).toEqual([
      [6, 0],
      [8, 0],
      [5, 1],
    ]);
    const set = on.fake.calls.map(({ values }) => Buffer.from(values.u as Uint8Array).toString('hex', 0, 12));
    expect(set.slice(0, 2)).toEqual(['0001190000000000' + '00000000', '10270000a00f0000' + '01000000']);
  });
});

describe('the CPU that a guest sees', () => {
  const policy: hypercalls.CpuPolicy = {
    leaves: [{ leaf: 1, subleaf: 0xffff_ffff, a: 1, b: 2, c: 3, d: 4 }],
    msrs: [{ idx: 0xce, flags: 0, val: 5n }],
  };

  it('is read into lists of the size that Xen asks for', () => {
    on.fake.answers['sysctl get_cpu_policy'] = () => ({ values: { nr_leaves: 110, nr_msrs: 2 } });
    on.fake.answers.get_cpu_policy = ({ values }, at) => {
      expect(values).toMatchObject({ nr_leaves: 110, nr_msrs: 2 });
      at(values.leaves, 110 * 24).set(encodeAll(cpuidLeaf, policy.leaves));
      at(values.msrs, 2 * 16).set(encodeAll(msrEntry, policy.msrs));
      return { values: { nr_leaves: 1, nr_msrs: 1 } };
    };
    expect(hypercalls.getCpuPolicy(on.xen, 3)).toEqual(policy);
  });

  it('is offered by Xen in several kinds', () => {
    on.fake.answers['sysctl get_cpu_policy'] = ({ values }, at) => {
      if (values.leaves === 0) return { values: { nr_leaves: 110, nr_msrs: 2 } };
      expect(values).toMatchObject({ index: 5, nr_leaves: 110, nr_msrs: 2 });
      at(values.leaves, 110 * 24).set(encodeAll(cpuidLeaf, policy.leaves));
      at(values.msrs, 2 * 16).set(encodeAll(msrEntry, policy.msrs));
      return { values: { nr_leaves: 1, nr_msrs: 1 } };
    };
    expect(hypercalls.offeredCpuPolicy(on.xen, 'hvm_default')).toEqual(policy);
  });

  it.each([
    [{ err_leaf: 7, err_subleaf: 1 }, ['CPUID leaf 0x7, subleaf 0x1']],
    [{ err_leaf: 0 }, ['CPUID leaf 0x0']],
    [{ err_msr: 0xce }, ['MSR 0xce']],
    [{}, undefined],
  ])('is refused with the entry that Xen names: %o', (named, lines) => {
    on.fake.answers.set_cpu_policy = () => undefined;
    hypercalls.setCpuPolicy(on.xen, 3, policy);
    on.fake.answers.set_cpu_policy = () => refuse('EINVAL', named);
    let error: unknown;
    try {
      hypercalls.setCpuPolicy(on.xen, 3, policy);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'cpu-policy-refused', evidence: lines === undefined ? [] : [{ lines }] });
  });
});
