import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { domidHistory, parseDomidHistory, recentDeaths } from '../../../lib/host/xen/domid-history.ts';
import { temporaryDirectory } from '../temporary.ts';

const signal = new AbortController().signal;
const now = Number(process.hrtime.bigint() / 1_000_000_000n);

describe('the history of domids', () => {
  it('reads what libxl wrote and passes over the rest', () => {
    expect(parseDomidHistory('234 1\n250 2\n\nnonsense\n12\n-1 3\n')).toEqual([
      { seconds: 234, domid: 1 },
      { seconds: 250, domid: 2 },
    ]);
  });

  it('forgets a domid after its time, and believes nothing from the future', () => {
    const entry = fc.record({ seconds: fc.nat(10_000), domid: fc.nat(0x7fef) });
    fc.assert(
      fc.property(fc.array(entry), fc.nat(10_000), fc.nat(100), (history, at, reuse) => {
        const ages = recentDeaths(history, at, reuse).map(({ seconds }) => at - seconds);
        expect(ages.every((age) => age >= 0 && age <= reuse)).toBe(true);
        expect(ages.length).toBe(history.filter(({ seconds }) => at - seconds >= 0 && at - seconds <= reuse).length);
      }),
    );
  });

  it('notes a death beside those that another toolstack noted', async () => {
    const run = await temporaryDirectory();
    await writeFile(join(run, 'domid-history'), `${now - 1000} 3\n${now} 4\n`);
    const history = domidHistory(run, {});
    await history.note(7, signal);
    expect(parseDomidHistory(await readFile(join(run, 'domid-history'), 'utf8')).map(({ domid }) => domid)).toEqual([
      4, 7,
    ]);
    expect(await readdir(run)).toEqual(['domid-history']);
    expect(await Promise.all([3, 4, 5, 7].map((domid) => history.isRecent(domid)))).toEqual([false, true, false, true]);
  });

  it('keeps them as long as LIBXL_DOMID_REUSE_TIMEOUT says', async () => {
    const run = await temporaryDirectory();
    await writeFile(join(run, 'domid-history'), `${now - 100} 3\n`);
    expect(await domidHistory(run, { LIBXL_DOMID_REUSE_TIMEOUT: '1000000' }).isRecent(3)).toBe(true);
    expect(await domidHistory(run, { LIBXL_DOMID_REUSE_TIMEOUT: 'never' }).isRecent(3)).toBe(false);
  });

  it('knows of no death where there is no history', async () => {
    expect(await domidHistory(await temporaryDirectory(), {}).isRecent(1)).toBe(false);
  });
});
