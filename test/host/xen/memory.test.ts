import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../lib/host/memory/store.ts';
import { readDomainMemory } from '../../../lib/host/xen/memory.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();
const UUID = '6d1f0f3a-0000-4000-8000-000000000001';

function storeWith(nodes: Readonly<Record<string, string>>) {
  const store = new MemoryStore();
  for (const [path, value] of Object.entries(nodes)) store.write(path, value);
  return store.port;
}
const has = (domid: number) => {
  on.fake.answers.getdomaininfo = () => ({ domain: domid, values: { domain: domid, tot_pages: 100, max_pages: 256 } });
};

describe('a domain’s memory', () => {
  it('is what its toolstack has written, and what Xen allows', async () => {
    has(3);
    const store = storeWith({
      '/local/domain/3/memory/target': '900',
      '/local/domain/3/memory/static-max': '2048',
      '/local/domain/3/memory/videoram': '64',
      [`/vm/${UUID}/memory`]: '1',
    });
    expect(await readDomainMemory(on.xen, store, { domid: 3, uuid: UUID })).toEqual({
      targetKiB: 900,
      staticMaxKiB: 2048,
      videoKiB: 64,
      limitKiB: 1024,
      written: { target: '900', staticMax: '2048', vmMemory: '1' },
    });
  });

  it('of domain 0 is what Xen says, where nobody has written it', async () => {
    has(0);
    expect(await readDomainMemory(on.xen, storeWith({}), { domid: 0, uuid: null })).toEqual({
      targetKiB: 400,
      staticMaxKiB: 1024,
      videoKiB: 0,
      limitKiB: 1024,
      written: { target: null, staticMax: null, vmMemory: null },
    });
  });

  it.each([
    ['no number', { target: 'much', 'static-max': '7' }],
    ['missing', { target: '7' }],
    ['below zero', { target: '-7', 'static-max': '7' }],
  ])('is said to be unknown where a node is %s', async (_, nodes) => {
    has(3);
    const paths = Object.entries(nodes).map(([name, value]) => [`/local/domain/3/memory/${name}`, value] as const);
    const store = storeWith(Object.fromEntries(paths));
    await expect(readDomainMemory(on.xen, store, { domid: 3, uuid: null })).rejects.toMatchObject({
      code: 'memory-unknown',
    });
  });

  it('is nothing of a domain that Xen does not know', async () => {
    on.fake.answers.getdomaininfo = () => refuse('ESRCH');
    await expect(readDomainMemory(on.xen, storeWith({}), { domid: 3, uuid: null })).rejects.toMatchObject({
      code: 'domain-not-found',
    });
  });
});
