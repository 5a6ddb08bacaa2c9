import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparable } from '../support/cases.ts';
import { startOurs } from '../support/daemon.ts';
import type { Daemon } from '../support/daemon.ts';
import { Player } from '../support/player.ts';
import type { Outcome, Step } from '../support/player.ts';
import { anyStep, preamble } from '../support/steps.ts';
import { startReal, whyNot } from './daemons.ts';

const reason = whyNot('xenstored');
if (reason !== null) console.warn(`skipped: comparing our store with the real xenstored: ${reason}`);

const RUNS = Number(process.env.XENSTORE_RUNS ?? 25);

async function playOn(daemon: Daemon, steps: readonly Step[]): Promise<Outcome[]> {
  const player = new Player(daemon);
  try {
    return comparable('', await player.play([...preamble, ...steps]));
  } finally {
    player.close();
    await daemon.stop();
  }
}

describe.skipIf(reason !== null)('our store and the real C xenstored', () => {
  test('answer any sequence of requests alike, events and all', { timeout: 30_000 + RUNS * 4000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const [ours, theirs] = await Promise.all([
          startOurs().then((daemon) => playOn(daemon, steps)),
          startReal('xenstored').then((daemon) => playOn(daemon, steps)),
        ]);
        expect(ours).toEqual(theirs);
      }),
      { numRuns: RUNS },
    );
  });
});
