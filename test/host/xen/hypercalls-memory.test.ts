import { describe, expect, it } from 'vitest';
import * as hypercalls from '../../../lib/host/xen/hypercalls.ts';
import { frameRange, readFrameList, writeFrameList } from '../../../lib/xen/abi/frames.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();

describe('memory', () => {
  /** Fills extents until so many are given, of machine frames from 1000 on. */
  const give = (total: number) => {
    let left = total;
    on.fake.answers.populate_physmap = ({ values }, at) => {
      const { extent_start: list, nr_extents: asked } = values as Record<string, number>;
      const given = Math.min(asked!, left);
      const bytes = at(list, asked! * 8);
      const frames = readFrameList(bytes, asked!);
      writeFrameList(
        bytes,
        frames.map((frame, index) => (index < given ? frame + 1000 : frame)),
      );
      left -= given;
      return { result: given };
    };
  };

  it('is populated in calls of 8192 extents, and answers the machine frames', () => {
    give(20_000);
    const filled = hypercalls.populatePhysmap(on.xen, 3, { order: 0, frames: frameRange(16, 20_000) });
    expect(filled).toEqual(frameRange(1016, 20_000));
    expect(on.fake.calls.map(({ values }) => values.nr_extents)).toEqual([8192, 8192, 3616]);
  });

  it.each([0, 5, 8192, 10_000])('answers only what was given where Xen runs out after %i', (total) => {
    give(total);
    const filled = hypercalls.populatePhysmap(on.xen, 3, { order: 9, frames: frameRange(0, 20_000) });
    expect(filled).toEqual(frameRange(1000, total));
  });

  it.each([
    [{}, 0],
    [{ onDemand: true }, 1 << 16],
    [{ node: { number: 0, exactly: false } }, 1 << 8],
    [{ node: { number: 1, exactly: true } }, (2 << 8) | (1 << 17)],
  ])('is asked for with %o', (wish, flags) => {
    give(1);
    hypercalls.populatePhysmap(on.xen, 3, { order: 9, frames: [512], ...wish });
    expect(on.fake.calls[0]!.values).toMatchObject({ extent_order: 9, mem_flags: flags, domid: 3 });
  });

  it('has a map that the guest may ask for', () => {
    on.fake.answers.set_memory_map = ({ values }, at) => {
      const { nr_entries: count, buffer } = values.map as Record<string, number>;
      expect(Buffer.from(at(buffer, 20 * count!)).toString('hex')).toBe(`${'00'.repeat(9)}10${'00'.repeat(6)}02000000`);
      return undefined;
    };
    hypercalls.setMemoryMap(on.xen, 3, [{ address: 0, size: 4096, type: 2 }]);
    expect(on.fake.calls[0]).toMatchObject({ values: { domid: 3, map: { nr_entries: 1 } } });
  });

  it('tells of populate-on-demand and of the greatest frame', () => {
    const answer = { values: { tot_pages: 7, pod_cache_pages: 8, pod_entries: 9 } };
    on.fake.answers.set_pod_target = () => answer;
    on.fake.answers.get_pod_target = () => answer;
    on.fake.answers.maximum_gpfn = () => ({ result: 0xfefff });
    expect(hypercalls.setPodTarget(on.xen, 3, 100)).toEqual({ pages: 7, cachePages: 8, entries: 9 });
    expect(hypercalls.getPodState(on.xen, 3)).toEqual({ pages: 7, cachePages: 8, entries: 9 });
    expect(hypercalls.maximumGpfn(on.xen, 3)).toBe(0xfefff);
    expect(on.fake.calls[0]!.values).toMatchObject({ target_pages: 100, domid: 3 });
  });
});
