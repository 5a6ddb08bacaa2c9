import { describe, expect, it } from 'vitest';
import * as hypercalls from '../../../lib/host/xen/hypercalls.ts';
import { encode, encodeAll } from '../../../lib/xen/abi/codec.ts';
import { compileInfo } from '../../../lib/xen/abi/stable.ts';
import { cputopo, meminfo } from '../../../lib/xen/abi/sysctl.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();

describe('the host', () => {
  it('tells its version', () => {
    const text = (name: string, value: string | Uint8Array) => {
      on.fake.answers[`xen_version ${name}`] = ({ values }, at) => {
        const bytes = typeof value === 'string' ? Buffer.from(value) : value;
        at(values.address, bytes.length).set(bytes);
        return undefined;
      };
    };
    on.fake.answers['xen_version version'] = () => ({ result: (4 << 16) | 17 });
    text('extraversion', '.7');
    text('capabilities', 'xen-3.0-x86_64 hvm-3.0-x86_64 ');
    text('changeset', 'x'.repeat(64));
    text('commandline', 'placeholder dom0_mem=1G');
    text(
      'compile_info',
      encode(compileInfo, {
        compiler: Buffer.from('gcc'),
        compile_by: Buffer.from('me'),
        compile_domain: Buffer.from('here'),
      }),
    );
    text('platform_parameters', Uint8Array.of(0, 0, 0, 0, 0, 0x80, 0xff, 0xff));
    on.fake.answers['xen_version pagesize'] = () => ({ result: 4096 });
    on.fake.answers['xen_version build_id'] = ({ values }, at) => {
      at(values.address, 8).set([0x0b, 0xad, 0xca, 0xfe], 4);
      return { result: 4 };
    };
    expect(hypercalls.xenVersion(on.xen)).toEqual({
      major: 4,
      minor: 17,
      extra: '.7',
      capabilities: 'xen-3.0-x86_64 hvm-3.0-x86_64 ',
      changeset: 'x'.repeat(64),
      commandline: 'placeholder dom0_mem=1G',
      compiler: 'gcc',
      compiledBy: 'me',
      compileDomain: 'here',
      compileDate: '',
      pageSize: 4096,
      virtStart: 0xffff_8000_0000_0000n,
      buildId: '0badcafe',
    });
  });

  it('may have no build id', () => {
    on.fake.answers['xen_version build_id'] = () => refuse('ENODATA');
    expect(hypercalls.xenVersion(on.xen).buildId).toBe('');
  });

  it('tells what sharing saves, and of nothing where it was built without', () => {
    on.fake.answers.get_sharing_freed_pages = () => ({ result: 7 });
    on.fake.answers.get_sharing_shared_pages = () => refuse('ENOSYS');
    expect(hypercalls.sharedMemory(on.xen)).toEqual({ freedPages: 7, usedFrames: 0 });
  });

  it('tells which CPUs are in no pool', () => {
    on.fake.answers['sysctl physinfo'] = () => ({ values: { max_cpu_id: 7 } });
    on.fake.answers['sysctl cpupool_op'] = ({ values }, at) => {
      at((values.cpumap as { bitmap: number }).bitmap, 1)[0] = 0b1000_0001;
      return undefined;
    };
    expect(hypercalls.freeCpus(on.xen)).toEqual([0, 7]);
    expect(on.fake.calls.at(-1)!.values).toMatchObject({ op: 7 });
  });

  it('tells its memory and CPUs', () => {
    on.fake.answers['sysctl physinfo'] = () => ({
      values: { nr_cpus: 2, max_cpu_id: 3, free_pages: 99, capabilities: 0b1011 },
    });
    expect(hypercalls.physinfo(on.xen)).toMatchObject({
      cpus: 2,
      maxCpuId: 3,
      freePages: 99,
      capabilities: { hvm: true, pv: true, directio: false, hap: true },
    });
  });

  it('tells where its CPUs and its memory are, without those that are absent', () => {
    const absent = { core: 0xffff_ffff, socket: 0xffff_ffff, node: 0xffff_ffff };
    on.fake.answers['sysctl cputopoinfo'] = ({ values }, at) => {
      const places = [{ core: 0 }, absent, { core: 1, node: 1 }];
      if (values.cputopo !== 0) at(values.cputopo, 36).set(encodeAll(cputopo, places));
      return { values: { num_cpus: 3 } };
    };
    on.fake.answers['sysctl numainfo'] = ({ values }, at) => {
      if (values.meminfo === 0) return { values: { num_nodes: 2 } };
      at(values.meminfo, 32).set(encodeAll(meminfo, [{ memsize: 5n, memfree: 4n }, { memsize: 0xffff_ffffn }]));
      at(values.distance, 16).set(Uint8Array.of(10, 0, 0, 0, 20));
      return undefined;
    };
    expect(hypercalls.cpuTopology(on.xen)).toEqual([
      { cpu: 0, core: 0, socket: 0, node: 0 },
      { cpu: 2, core: 1, socket: 0, node: 1 },
    ]);
    expect(hypercalls.numaNodes(on.xen)).toEqual([{ node: 0, size: 5n, free: 4n, distances: [10, 20] }]);
  });

  it('tells its CPU pools and schedulers', () => {
    on.fake.answers['sysctl physinfo'] = () => ({ values: { max_cpu_id: 7 } });
    on.fake.answers['sysctl sched_id'] = () => ({ values: { sched_id: 6 } });
    on.fake.answers['sysctl cpupool_op'] = ({ values }, at) => {
      const id = [0, 4].find((pool) => pool >= Number(values.cpupool_id));
      if (id === undefined) return refuse('ENOENT');
      const { bitmap } = values.cpumap as Record<string, number>;
      at(bitmap, 1)[0] = id === 0 ? 0x0f : 0xf0;
      return { values: { cpupool_id: id, sched_id: id === 0 ? 6 : 99, n_dom: 2 } };
    };
    expect(hypercalls.defaultScheduler(on.xen)).toBe('CREDIT2');
    expect(hypercalls.listCpupools(on.xen)).toEqual([
      { id: 0, scheduler: 'CREDIT2', domains: 2, cpus: [0, 1, 2, 3] },
      { id: 4, scheduler: null, domains: 2, cpus: [4, 5, 6, 7] },
    ]);
  });

  it('tells all of its console, piece by piece, and clears it only when told', () => {
    const text = Buffer.from('(XEN) a line\n'.repeat(6000));
    on.fake.answers['sysctl readconsole'] = ({ values }, at) => {
      const { index, buffer, count } = values as Record<string, number>;
      const piece = text.subarray(index, index! + count!);
      if (piece.length > 0) at(buffer, piece.length).set(piece);
      return { values: { index: index! + piece.length, count: piece.length } };
    };
    expect(hypercalls.readXenConsole(on.xen).equals(text)).toBe(true);
    expect(on.fake.calls.some(({ values }) => values.clear === 1)).toBe(false);
    hypercalls.readXenConsole(on.xen, { clear: true });
    expect(on.fake.calls.at(-1)!.values).toMatchObject({ clear: 1, count: 0 });
  });

  it('takes debug keys', () => {
    on.fake.answers['sysctl debug_keys'] = ({ values }, at) => {
      expect(Buffer.from(at(values.keys, 2)).toString()).toBe('hq');
      return undefined;
    };
    hypercalls.sendDebugKeys(on.xen, 'hq');
    expect(on.fake.calls[0]!.values).toMatchObject({ nr_keys: 2 });
  });
});
