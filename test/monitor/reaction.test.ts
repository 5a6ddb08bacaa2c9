import { describe, expect, test } from 'vitest';
import { coresAskedFor, responseTo } from '../../lib/monitor/reaction.ts';

const nothingSaid = { on_poweroff: null, on_reboot: null, on_crash: null, on_watchdog: null, on_soft_reset: null };

describe('at the end of a domain', () => {
  test.each([
    [0, 'destroy', 'destroy'],
    [1, 'restart', 'restart'],
    [3, 'destroy', 'destroy'],
    [4, 'destroy', 'destroy'],
    [5, 'soft-reset', 'restart'],
    [17, 'destroy', 'destroy'],
  ])('of reason %i xl’s default is %s', (reason, action, reaction) => {
    expect(responseTo(reason, nothingSaid)).toMatchObject({ action, reaction });
  });

  test('each reason has its own key', () => {
    const keys = {
      on_poweroff: 'preserve',
      on_reboot: 'destroy',
      on_crash: 'rename-restart',
      on_watchdog: 'restart',
      on_soft_reset: 'destroy',
    } as const;
    const reactions = [0, 1, 3, 4, 5].map((reason) => responseTo(reason, keys).reaction);
    expect(reactions).toEqual(['preserve', 'destroy', 'rename-restart', 'restart', 'destroy']);
  });

  test('what is not done is said', () => {
    const keys = { ...nothingSaid, on_crash: 'coredump-restart', on_watchdog: 'coredump-destroy' } as const;
    expect(responseTo(3, keys)).toMatchObject({ action: 'coredump-restart', reaction: 'restart' });
    expect(responseTo(4, keys)).toMatchObject({ action: 'coredump-destroy', reaction: 'destroy' });
    expect(responseTo(3, keys).remark).toContain('No core');
    expect(responseTo(17, keys).remark).toContain('Unknown shutdown reason code 17');
    expect(coresAskedFor(keys)).toEqual(['on_crash="coredump-restart"', 'on_watchdog="coredump-destroy"']);
    expect(coresAskedFor(nothingSaid)).toEqual([]);
  });
});
