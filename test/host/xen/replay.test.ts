import { describe, expect, it } from 'vitest';
import { replay, type Building } from '../../../lib/host/xen/replay.ts';
import type { BuildStep } from '../../../lib/xen/build/build-plan.ts';
import { frameRange, readFrameList, writeFrameList } from '../../../lib/xen/abi/frames.ts';
import type { Answer } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();
const signal = new AbortController().signal;
const PAGE = 4096;

const translated = (): Building => ({ xen: on.xen, domid: 3, mfns: null });
const populate = (gfn: number, order: 0 | 9, count: number): BuildStep => ({
  do: 'populate',
  run: { gfn, order, count },
  onDemand: false,
});

/** A Xen that has `large` extents of 2 MiB, and `small` single frames; machine frames go down from 0x100000. */
function memoryOf(
  large: number,
  small: number,
): { readonly asked: [number, number, number][]; readonly answer: Answer } {
  const left = { 9: large, 0: small };
  const asked: [number, number, number][] = [];
  let next = 0x100000;
  return {
    asked,
    answer: ({ values }, at) => {
      const order = values.extent_order as 0 | 9;
      const count = Number(values.nr_extents);
      const list = at(values.extent_start, count * 8);
      const frames = readFrameList(list, count);
      const given = Math.min(count, left[order]);
      left[order] -= given;
      asked.push([frames[0]!, order, count]);
      const machine = Array.from({ length: given }, () => (next -= 2 ** order));
      writeFrameList(list, [...machine, ...frames.slice(given)]);
      return { result: given };
    },
  };
}

describe('a build plan, replayed', () => {
  it('takes smaller extents where there are no large ones left', async () => {
    const memory = memoryOf(2, 10_000);
    on.fake.answers.populate_physmap = memory.answer;
    await replay([populate(0, 9, 3)], translated(), signal);
    expect(memory.asked).toEqual([
      [0, 9, 3],
      [1024, 0, 512],
    ]);
  });

  it('says how much memory is missing, and how much there is', async () => {
    on.fake.answers.populate_physmap = memoryOf(0, 100).answer;
    on.fake.answers['sysctl physinfo'] = () => ({ values: { free_pages: 25 } });
    await expect(replay([populate(0, 0, 300)], translated(), signal)).rejects.toMatchObject({
      code: 'out-of-memory',
      message: 'Xen has too little memory for domain 3: 800 KiB are missing, and 100 KiB are free',
    });
  });

  it('remembers which machine frames a PV guest got, and writes to these', async () => {
    on.fake.answers.populate_physmap = memoryOf(1, 2).answer;
    const mfns = new Uint32Array(514);
    await replay([populate(0, 9, 1), populate(512, 0, 2)], { xen: on.xen, domid: 3, mfns }, signal);
    expect([...mfns.subarray(510)]).toEqual([0xffffe, 0xfffff, 0xffdff, 0xffdfe]);
    on.fake.frames.set(`3:1048063`, new Uint8Array(PAGE).fill(7));
    const pieces = [{ offset: 1, bytes: Uint8Array.of(1, 2) }];
    const write = { do: 'write', what: 'test', gfn: 512, frames: 1, pieces, rest: 'zero' } as const;
    await replay([write], { xen: on.xen, domid: 3, mfns }, signal);
    expect([...on.fake.frames.get(`3:1048063`)!.subarray(0, 5)]).toEqual([0, 1, 2, 0, 0]);
    await replay([{ do: 'pin-table', level: 4, gfn: 513 }], { xen: on.xen, domid: 3, mfns }, signal);
    expect(on.fake.calls.at(-1)).toMatchObject({ name: 'mmuext_op', domid: 3, values: { 'arg1.mfn': 0xffdfe } });
  });

  it('does its steps in their order', async () => {
    frameRange(8, 2).forEach((frame) => on.fake.frames.set(`3:${frame}`, new Uint8Array(PAGE)));
    const steps: BuildStep[] = [
      { do: 'claim', pages: 16 },
      { do: 'set-hvm-param', param: 'TIMER_MODE', value: 1 },
      { do: 'set-memory-map', entries: [{ address: 0, size: PAGE, type: 'ram' }] },
      { do: 'seed-grants', grants: [{ ref: 1, domid: 0, gfn: 8 }] },
      { do: 'claim', pages: 0 },
    ];
    await replay(steps, translated(), signal);
    const names = on.fake.calls.map(({ name }) => name);
    expect(names).toEqual(['claim_pages', 'set_param', 'set_memory_map', 'mmap_resource', 'claim_pages']);
  });

  it('stops between two steps when told to', async () => {
    const controller = new AbortController();
    on.fake.answers.claim_pages = () => {
      controller.abort(new Error('enough'));
      return {};
    };
    const steps: BuildStep[] = [
      { do: 'claim', pages: 16 },
      { do: 'claim', pages: 0 },
    ];
    await expect(replay(steps, translated(), controller.signal)).rejects.toThrow('enough');
    expect(on.fake.calls).toHaveLength(1);
  });
});
