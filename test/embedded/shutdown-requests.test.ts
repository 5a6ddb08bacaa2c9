import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryHost, type MemoryHost } from '../../lib/host/memory/host.ts';
import { hearShutdownRequests } from '../../lib/host/embedded/shutdown-requests.ts';

const NODE = '/local/domain/3/control/shutdown';

let memory: MemoryHost;
let pressed: string[];
let lines: string[];
let broken: boolean;
let stop: AbortController;
let ended: Promise<void>;

beforeEach(() => {
  memory = memoryHost();
  memory.store.write(NODE, '');
  pressed = [];
  lines = [];
  broken = false;
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await ended;
});

async function listen(): Promise<void> {
  const machine = {
    domid: 3,
    pressPowerButton: (ending: string) => {
      pressed.push(ending);
      return broken ? Promise.reject(new Error('the monitor hangs')) : Promise.resolve();
    },
  };
  const options = { store: memory.bare.store, log: (line: string) => void lines.push(line) };
  ended = hearShutdownRequests(machine, options, stop.signal);
  await quiet();
}

const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function ask(word: string): Promise<void> {
  memory.store.write(NODE, word);
  await quiet();
}

describe('the embedded host, for a guest that is asked to end,', () => {
  test.each([
    ['poweroff', 'poweroff'],
    ['halt', 'poweroff'],
    ['reboot', 'reboot'],
  ])('hears %s as %s, presses the button and clears the node', async (word, ending) => {
    await listen();
    await ask(word);
    expect(pressed).toEqual([ending]);
    expect(memory.store.read(NODE)).toBe('');
  });

  test('hears what was asked before the machine was ready', async () => {
    memory.store.write(NODE, 'poweroff');
    await listen();
    expect(pressed).toEqual(['poweroff']);
  });

  test.each(['suspend', 'crash', 'POWEROFF', 'poweroff\n'])('leaves %j where it is', async (word) => {
    await listen();
    await ask(word);
    expect(pressed).toEqual([]);
    expect(memory.store.read(NODE)).toBe(word);
  });

  test('leaves a request that it could not pass on, says so, and hears the next', async () => {
    await listen();
    broken = true;
    await ask('poweroff');
    expect(memory.store.read(NODE)).toBe('poweroff');
    expect(lines).toEqual([`domain 3: ${NODE}: Error: the monitor hangs`]);
    broken = false;
    await ask('reboot');
    expect(pressed).toEqual(['poweroff', 'reboot']);
    expect(memory.store.read(NODE)).toBe('');
  });

  test('hears nothing more when the machine has ended', async () => {
    await listen();
    stop.abort();
    await ended;
    await ask('poweroff');
    expect(pressed).toEqual([]);
    expect(lines).toEqual([]);
  });
});
