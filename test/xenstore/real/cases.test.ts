import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changesOf, comparable, readCases } from '../support/cases.ts';
import { Player } from '../support/player.ts';
import type { Daemon } from '../support/daemon.ts';
import { startReal, whyNot } from './daemons.ts';

const reason = whyNot('xenstored');
if (reason !== null) console.warn(`skipped: the cases on the real xenstored: ${reason}`);

describe.skipIf(reason !== null)('domains on the real C xenstored get what the fixture says', () => {
  let daemon: Daemon;
  let player: Player;
  beforeEach(async () => {
    daemon = await startReal('xenstored');
    player = new Player(daemon);
  });
  afterEach(async () => {
    player.close();
    await daemon.stop();
  });

  const cases = readCases().filter(({ steps }) => steps.some(([who]) => who.startsWith('d')));
  for (const { name, steps, c } of cases) {
    test(name, async () => {
      const outcomes = await player.play(steps);
      const ours = c[0]?.step === undefined ? outcomes : changesOf(outcomes);
      expect(comparable(name, ours)).toEqual(comparable(name, c));
    });
  }
});
