import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeXenbusState } from '../../lib/base/xenbus.ts';
import { memoryHost } from '../../lib/host/memory/host.ts';
import { viewHandshake } from '../../lib/run/actions/handshake.ts';

const view = (kind: string, backendState: string | null, frontendState: string | null) => {
  const { store, ports } = memoryHost({ backends: 'silent' });
  const backend = `/local/domain/0/backend/${kind}/3/51712`;
  const frontend = '/local/domain/3/device/vbd/51712';
  if (backendState !== null) store.write(`${backend}/state`, backendState);
  if (frontendState !== null) store.write(`${frontend}/state`, frontendState);
  return viewHandshake(ports, { backend, frontend });
};

describe('a handshake', () => {
  test.each<[string, string | null, string | null, string, string | undefined]>([
    [
      'vbd',
      '2',
      '1',
      'its backend is in state 2 InitWait, its frontend in state 1 Initialising: the guest has not connected',
      'paused',
    ],
    [
      'vbd',
      '1',
      '1',
      'its backend is in state 1 Initialising, its frontend in state 1 Initialising: no backend has taken it up',
      'modprobe xen-blkback',
    ],
    [
      'vif',
      '1',
      '1',
      'its backend is in state 1 Initialising, its frontend in state 1 Initialising: no backend has taken it up',
      'modprobe xen-netback',
    ],
    [
      'qdisk',
      '1',
      '1',
      'its backend is in state 1 Initialising, its frontend in state 1 Initialising: no backend has taken it up',
      'a QEMU serves it',
    ],
    [
      'vbd',
      '5',
      '4',
      'its backend is in state 5 Closing, its frontend in state 4 Connected: the guest has not let go of it',
      'mounted',
    ],
    ['vbd', '4', null, 'its backend is in state 4 Connected, its frontend gone', undefined],
    ['vbd', null, null, 'its backend is gone, its frontend gone', undefined],
  ])('%s: %s and %s', async (kind, backend, frontend, sentence, hint) => {
    const seen = await view(kind, backend, frontend);
    expect(seen?.sentence).toBe(sentence);
    if (hint === undefined) expect(seen?.hint).toBeUndefined();
    else expect(seen?.hint).toContain(hint);
  });

  test('is told in words of our own, whatever the guest writes', async () => {
    const hostile = ['\u001b[2J', '4\n', ' 4', '04', 'x'.repeat(4096), '-1', '9', '', '🙂'];
    for (const state of hostile) {
      expect((await view('vbd', '2', state))?.sentence).toBe(
        'its backend is in state 2 InitWait, its frontend in state no known one',
      );
    }
    fc.assert(
      fc.property(fc.string(), (state) => {
        expect(describeXenbusState(state).length).toBeLessThan(30);
      }),
    );
  });

  test('that cannot be read is no reason to fail', async () => {
    const { ports } = memoryHost({ fault: { failAt: 0, when: 'before' } });
    expect(await viewHandshake(ports, { backend: '/b', frontend: '/f' })).toBeNull();
  });
});
