import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changesOf, comparable, readCases } from './support/cases.ts';
import { startOurs } from './support/daemon.ts';
import type { Daemon } from './support/daemon.ts';
import { Player } from './support/player.ts';

/** Answers that are an implementation's own words: our store has other commands than C xenstored. */
const ownWords = new Set(['control']);

describe('our store answers as Debian’s daemons do, over a socket', () => {
  let daemon: Daemon;
  let player: Player;
  beforeEach(async () => {
    daemon = await startOurs();
    player = new Player(daemon);
  });
  afterEach(async () => {
    player.close();
    await daemon.stop();
  });

  const cases = readCases();
  test('the fixture holds the cases', () => {
    expect(cases).toHaveLength(102);
    expect(cases.filter(({ agree }) => agree)).toHaveLength(47);
  });

  for (const { name, steps, c, agree } of cases) {
    test(`${name} (${agree ? 'both agree' : 'as C xenstored'})`, async () => {
      const outcomes = await player.play(steps);
      const long = c[0]?.step !== undefined;
      const ours = comparable(name, long ? changesOf(outcomes) : outcomes);
      const theirs = comparable(name, c);
      if (ownWords.has(name)) expect(ours.slice(1)).toEqual(theirs.slice(1));
      else expect(ours).toEqual(theirs);
      if (long) expect(changesOf(outcomes).map(({ step }) => step)).toEqual(c.map(({ step }) => step));
    });
  }
});
