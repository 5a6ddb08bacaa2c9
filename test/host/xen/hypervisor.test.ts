import { describe, expect, it } from 'vitest';
import type { DomidHistory } from '../../../lib/host/xen/domid-history.ts';
import { xenHypervisor } from '../../../lib/host/xen/hypervisor.ts';
import { handleOf } from '../../../lib/xen/abi/common.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();
const signal = new AbortController().signal;
const create = {
  op: 'createdomain',
  type: 'pvh',
  uuid: '11111111-2222-3333-4444-555555555555',
  name: 'guest',
  maxVcpus: 2,
  maxEvtchnPort: 1023,
  flags: ['hvm', 'hap'],
  emulationFlags: 'lapic',
} as const;

/** A history in memory, of these domids. */
function history(...recent: number[]): DomidHistory & { readonly noted: number[] } {
  const noted: number[] = [];
  return {
    noted,
    isRecent: (domid) => Promise.resolve([...recent, ...noted].includes(domid)),
    note: (domid) => Promise.resolve(void noted.push(domid)),
  };
}

describe('the real hypervisor’s answers to a plan', () => {
  it('make a domain as libxl does', async () => {
    on.fake.answers['sysctl physinfo'] = () => ({ values: { capabilities: 3 << 8 } });
    on.fake.answers.createdomain = () => ({ domain: 7 });
    expect(await xenHypervisor(on.xen, history()).call(create, signal)).toEqual({ domid: '7' });
    expect(on.fake.calls.at(-1)).toMatchObject({
      name: 'createdomain',
      values: {
        ssidref: 12,
        flags: 3,
        max_vcpus: 2,
        max_evtchn_port: 1023,
        max_grant_frames: -1,
        max_maptrack_frames: -1,
        grant_opts: 2,
        arch: { emulation_flags: 1, misc_flags: 0 },
      },
    });
  });

  it('pass over the number of a domain that has just died', async () => {
    let next = 5;
    on.fake.answers.createdomain = () => ({ domain: next++ });
    expect(await xenHypervisor(on.xen, history(5, 6)).call(create, signal)).toEqual({ domid: '7' });
    const destroyed = on.fake.calls.filter(({ name }) => name === 'destroydomain').map(({ domid }) => domid);
    expect(destroyed).toEqual([5, 6]);
  });

  it('note a number before its domain dies, and take a domain that is gone for destroyed', async () => {
    const deaths = history();
    on.fake.answers.destroydomain = () => {
      expect(deaths.noted).toEqual([9]);
      return refuse('ESRCH');
    };
    expect(await xenHypervisor(on.xen, deaths).call({ op: 'destroydomain', domid: '9' }, signal)).toEqual({});
    expect(on.fake.calls.map(({ name }) => name)).toEqual(['destroydomain']);
  });

  it('leave a domain alone whose number is another’s by now', async () => {
    on.fake.answers.getdomaininfo = () => ({ domain: 9, values: { handle: handleOf(create.uuid) } });
    const call = { op: 'destroydomain', domid: '9', uuid: '99999999-2222-3333-4444-555555555555' };
    await xenHypervisor(on.xen, history()).call(call, signal);
    expect(on.fake.calls.map(({ name }) => name)).toEqual(['getdomaininfo']);
    await xenHypervisor(on.xen, history()).call({ ...call, uuid: create.uuid }, signal);
    expect(on.fake.calls.map(({ name }) => name)).toContain('destroydomain');
  });

  it('say whether a domain lives, and how it has ended', async () => {
    const info = (values: object) => () => ({ domain: 9, values: { handle: handleOf(create.uuid), ...values } });
    const ask = () => xenHypervisor(on.xen, history()).call({ op: 'getdomaininfo', domid: '9' }, signal);
    on.fake.answers.getdomaininfo = info({ flags: 0x20 });
    expect(await ask()).toEqual({ uuid: create.uuid, dying: '0', shutdown: '' });
    on.fake.answers.getdomaininfo = info({ flags: 0x4 | (3 << 16) });
    expect(await ask()).toEqual({ uuid: create.uuid, dying: '0', shutdown: '3' });
    on.fake.answers.getdomaininfo = info({ flags: 0x1 });
    expect(await ask()).toMatchObject({ dying: '1' });
    on.fake.answers.getdomaininfo = () => refuse('ESRCH');
    expect(await ask()).toEqual({});
  });

  it('give the port of an event channel', async () => {
    on.fake.answers.alloc_unbound = () => ({ values: { port: 4 } });
    const call = { op: 'evtchn_alloc_unbound', domid: '3', remoteDomid: 0, purpose: 'console' };
    expect(await xenHypervisor(on.xen, history()).call(call, signal)).toEqual({ port: '4' });
    expect(on.fake.calls).toMatchObject([{ values: { dom: 3, remote_dom: 0 } }]);
  });

  it('end at once where nobody wants them any more', async () => {
    const call = xenHypervisor(on.xen, history()).call(create, AbortSignal.abort(new Error('enough')));
    await expect(call).rejects.toThrow('enough');
    expect(on.fake.calls).toEqual([]);
  });
});
