import { beforeEach, describe, expect, it } from 'vitest';
import type { CommandContext } from '../../cli/command.ts';
import type { Host } from '../../cli/host.ts';
import type { ListedDomain } from '../../cli/print/lists.ts';
import { untilEnded } from '../../cli/wait-for-end.ts';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { recordingTerminal, type RecordingTerminal } from './recording-terminal.ts';

let memory: MemoryHost;
let terminal: RecordingTerminal;
let reasons: Map<number, number | null>;
let stop: AbortController;

beforeEach(() => {
  memory = memoryHost();
  terminal = recordingTerminal();
  reasons = new Map([
    [1, null],
    [2, null],
  ]);
  stop = new AbortController();
});

const listed = ([domid, shutdownReason]: readonly [number, number | null]): ListedDomain => ({
  domid,
  name: `domain-${domid}`,
  uuid: '',
  memoryMiB: 0,
  vcpus: 1,
  state: { running: false, blocked: true, paused: false, dying: false, shutdownReason },
  cpuSeconds: 0,
});

function wait(wanted: 'shutdown' | 'destroyed', { json = false } = {}) {
  const host = { ports: memory.bare, domains: () => Promise.resolve([...reasons].map(listed)) } as Host;
  const context = { terminal, global: { json }, signal: stop.signal } as unknown as CommandContext;
  return untilEnded([1, 2], wanted, host, context);
}

/** What a real xenstored does when the hypervisor says that a domain has shut down or is gone. */
async function happen(domid: number, reason: number | 'gone'): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (reason === 'gone') reasons.delete(domid);
  else reasons.set(domid, reason);
  memory.store.introduced.set(domid, { gfn: 0n, port: 0 });
  memory.store.release(domid);
}

describe('waiting for the end of domains', () => {
  it('ends when the last has shut down or gone, with xl’s line for each', async () => {
    const waiting = wait('shutdown');
    await happen(2, 1);
    await happen(1, 'gone');
    expect(await waiting).toEqual(
      new Map([
        [2, { state: 'shutdown', reason: 1 }],
        [1, { state: 'destroyed' }],
      ]),
    );
    expect(terminal.stderr()).toBe(
      'Waiting for 2 domains\nDomain 2 has been shut down, reason code 1\nDomain 1 has been destroyed\n',
    );
  });

  it('goes on until they are gone where that is asked for, and tells of the shutdown once', async () => {
    const waiting = wait('destroyed');
    await happen(1, 0);
    await happen(1, 0);
    await happen(2, 'gone');
    await happen(1, 'gone');
    expect((await waiting).get(1)).toEqual({ state: 'destroyed' });
    expect(terminal.stderr().match(/Domain 1 has been/g)).toHaveLength(2);
  });

  it('does not wait for what has ended before', async () => {
    reasons = new Map([[2, 3]]);
    expect([...(await wait('shutdown')).values()]).toEqual([{ state: 'destroyed' }, { state: 'shutdown', reason: 3 }]);
  });

  it('says nothing where the answer is JSON', async () => {
    reasons = new Map();
    await wait('destroyed', { json: true });
    expect(terminal.stderr()).toBe('');
  });

  it('is broken off by Ctrl-C, with a shell’s status for that', async () => {
    const waiting = wait('shutdown');
    await happen(2, 0);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'aborted', exitCode: 130 });
  });
});
