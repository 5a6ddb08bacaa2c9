import { describe, expect, it } from 'vitest';
import { trigger, triggerNamed, TRIGGERS } from '../../../cli/trigger.ts';
import { memoryHost } from '../../../lib/host/memory/host.ts';
import { factsOf } from '../../support/facts.ts';
import { refuse } from './fake-xen.ts';
import { onFakeXen } from './on-fake-xen.ts';

const on = onFakeXen();
const signal = new AbortController().signal;
const description = factsOf();

describe('triggers', () => {
  it('are known by libxl’s names, in capitals or not', () => {
    expect(TRIGGERS.map((name) => triggerNamed(name.toUpperCase()))).toEqual(TRIGGERS);
    expect(['', 'unknown', 'powe'].map(triggerNamed)).toEqual([null, null, null]);
  });

  it.each([
    ['nmi', 0],
    ['reset', 1],
    ['init', 2],
    ['power', 3],
    ['sleep', 4],
  ] as const)('%s is Xen’s number %i', async (event, number) => {
    await trigger({ xen: on.xen, ports: memoryHost().ports, description }, { domid: 7, event, vcpu: 2 }, signal);
    expect(on.fake.calls).toEqual([{ name: 'sendtrigger', domid: 7, values: { trigger: number, vcpu: 2 } }]);
  });

  it('say what Xen refuses', async () => {
    on.fake.answers.sendtrigger = () => refuse('ESRCH');
    const pressed = trigger(
      { xen: on.xen, ports: memoryHost().ports, description },
      { domid: 7, event: 'power', vcpu: 0 },
      signal,
    );
    await expect(pressed).rejects.toMatchObject({ code: 'no-such-domain' });
  });

  it('wake an HVM guest by its device model, and no other', async () => {
    const asked: unknown[] = [];
    const { store, ports } = memoryHost({ monitor: ({ execute }, socket) => asked.push([socket, execute]) });
    const wake = () => trigger({ xen: on.xen, ports, description }, { domid: 7, event: 's3resume', vcpu: 0 }, signal);
    store.write('/libxl/7/type', 'pvh');
    await expect(wake()).rejects.toMatchObject({ code: 'not-hvm' });
    store.write('/libxl/7/type', 'hvm');
    await wake();
    expect(asked).toEqual([[`${description.dirs.run}/qmp-libxl-7`, 'system_wakeup']]);
    expect(on.fake.calls).toEqual([]);
  });
});
