import { expect, it } from 'vitest';
import { listVcpus } from '../../../lib/host/xen/vcpus.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();

it('lists a domain’s vcpus with their masks, and passes over one that has gone', () => {
  on.fake.answers['sysctl physinfo'] = () => ({ values: { max_cpu_id: 9 } });
  on.fake.answers.getvcpuinfo = ({ values }) =>
    values.vcpu === 1 ? refuse('ESRCH') : { values: { online: 1, running: 1, cpu: 3, cpu_time: 5n } };
  on.fake.answers.getvcpuaffinity = ({ values }, at) => {
    const mask = (name: string) => at((values[name] as { bitmap: number }).bitmap, 2);
    mask('cpumap_hard').set([0xff, 0x03]);
    mask('cpumap_soft').set([0x05, 0x00]);
    return undefined;
  };
  const vcpu = { online: true, blocked: false, running: true, cpuTimeNs: 5n, cpu: 3 };
  const affinity = { hard: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], soft: [0, 2] };
  expect(listVcpus(on.xen, { domid: 4, maxVcpuId: 2 })).toEqual([
    { vcpu: 0, ...vcpu, affinity },
    { vcpu: 2, ...vcpu, affinity },
  ]);
  expect(on.fake.calls.filter(({ domid }) => domid === 4).map(({ name }) => name)).toEqual([
    'getvcpuinfo',
    'getvcpuaffinity',
    'getvcpuinfo',
    'getvcpuinfo',
    'getvcpuaffinity',
  ]);
});

it('lists nothing of a domain without vcpus', () => {
  expect(listVcpus(on.xen, { domid: 4, maxVcpuId: null })).toEqual([]);
});
