import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDomain } from '../../../lib/host/xen/build.ts';
import { decodeAll, encodeAll } from '../../../lib/xen/abi/codec.ts';
import { cpuidLeaf } from '../../../lib/xen/abi/domctl-structs.ts';
import { readFrameList } from '../../../lib/xen/abi/frames.ts';
import { makeElf } from '../../xen/build/make-elf.ts';
import { PRETEND_CONTEXT } from '../../xen/build/observation.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();
const signal = new AbortController().signal;
const PHYS32_ENTRY = 18;
const LEAF_BYTES = 24;
/** CPUID's first features on an Intel CPU with room for two APIC ids. */
const offered = [
  { leaf: 0, subleaf: 0xffffffff, a: 1, b: 0x756e6547, c: 0x6c65746e, d: 0x49656e69 },
  { leaf: 1, subleaf: 0xffffffff, a: 0, b: 0x00020000, c: 0, d: 0x40 },
];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'xl-ts-build-'));
  const segments = [{ physical: 0x100000n, bytes: new Uint8Array(5000).fill(7) }];
  writeFileSync(join(directory, 'kernel'), makeElf({ segments, notes: [{ type: PHYS32_ENTRY, value: 0x100020n }] }));
  on.fake.answers['sysctl get_cpu_policy'] = ({ values }, at) => {
    if (values.leaves === 0) return { values: { nr_leaves: 20, nr_msrs: 2 } };
    at(values.leaves, offered.length * LEAF_BYTES).set(encodeAll(cpuidLeaf, offered));
    return { values: { nr_leaves: offered.length, nr_msrs: 0 } };
  };
  on.fake.answers.populate_physmap = ({ values }, at) => {
    const { nr_extents: count, extent_order: order, extent_start: list } = values as Record<string, number>;
    for (const frame of readFrameList(at(list, count! * 8), count!)) {
      for (let page = 0; page < 2 ** order!; page++) on.fake.frames.set(`3:${frame + page}`, new Uint8Array(4096));
    }
    return { result: count! };
  };
  on.fake.answers.gethvmcontext = ({ values }, at) => {
    if (values.buffer !== 0) at(values.buffer, PRETEND_CONTEXT.length).set(PRETEND_CONTEXT);
    return { values: { size: PRETEND_CONTEXT.length } };
  };
});
afterEach(() => rmSync(directory, { recursive: true }));

const build = () =>
  buildDomain(
    {
      op: 'build',
      domid: '3',
      type: 'pvh',
      targetKiB: 4096,
      maxKiB: 4096,
      videoKiB: 0,
      vcpus: 2,
      onlineVcpus: 2,
      pagingKiB: 2060,
      apic: true,
      pae: true,
      nested: false,
      image: join(directory, 'kernel'),
      ramdisk: null,
      cmdline: 'quiet',
      firmware: null,
      storePort: '1',
      consolePort: '2',
    },
    on.xen,
    signal,
  );

describe('a PVH guest is built', () => {
  it('with its pool, its CPU, its memory and its first vcpu, in this order', async () => {
    expect(await build()).toEqual({ 'store-gfn': String(0xfeffc), 'console-gfn': String(0xfefff) });
    const order = on.fake.calls.map(({ name }) => name);
    const places = ['settscinfo', 'set_paging_mempool_size', 'set_cpu_policy', 'populate_physmap', 'sethvmcontext'];
    expect(places.map((name) => order.indexOf(name))).toEqual(
      places.map((name) => order.indexOf(name)).sort((one, other) => one - other),
    );
    expect(places.filter((name) => !order.includes(name))).toEqual([]);
    expect(on.fake.frames.get(`3:256`)!.subarray(0, 3)).toEqual(Uint8Array.of(7, 7, 7));
  });

  it('with the CPUID that Xen offers, and APIC ids for threads that there are not', async () => {
    let leaves: unknown;
    on.fake.answers.set_cpu_policy = ({ values }, at) => {
      expect(values).toMatchObject({ nr_leaves: 2, nr_msrs: 0 });
      leaves = decodeAll(cpuidLeaf, at(values.leaves, 2 * LEAF_BYTES), 2);
      return undefined;
    };
    await build();
    expect(leaves).toEqual([offered[0], { ...offered[1], b: 0x00040000, d: 0x10000040 }]);
  });

  it('not at all where its CPU is refused', async () => {
    on.fake.answers.set_cpu_policy = () => refuse('EINVAL', { err_leaf: 1, err_subleaf: 0xffffffff });
    await expect(build()).rejects.toMatchObject({ code: 'cpu-policy-refused' });
    expect(on.fake.calls.map(({ name }) => name)).not.toContain('populate_physmap');
  });

  it('not at all where its kernel is none', async () => {
    writeFileSync(join(directory, 'kernel'), 'no kernel');
    await expect(build()).rejects.toMatchObject({ code: expect.any(String) as string });
    expect(on.fake.calls).toEqual([]);
  });
});
