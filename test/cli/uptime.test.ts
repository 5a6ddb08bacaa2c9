import { describe, expect, it } from 'vitest';
import { shortUptimeLines, uptimeLines } from '../../cli/print/uptime.ts';

const web = { domid: 3, name: 'web', seconds: 0 };

describe('xl uptime', () => {
  it('prints what stock xl prints', () => {
    expect(uptimeLines([{ ...web, seconds: 3_725 }])).toEqual([
      'Name                                ID Uptime',
      'web                                  3  1:02:05',
    ]);
  });

  it.each([
    [0, ' 0:00:00'],
    [59, ' 0:00:59'],
    [86_399, '23:59:59'],
    [86_400, '1 day,  0:00:00'],
    [90_061, '1 day,  1:01:01'],
    [172_800, '2 days,  0:00:00'],
    [864_000_000 + 45_296, '10000 days, 12:34:56'],
  ])('says %i seconds as %s', (seconds, words) => {
    expect(uptimeLines([{ ...web, seconds }])[1]).toBe(`web                                  3 ${words}`);
  });

  it('leaves the header and the seconds out with -s, and begins with the time of day', () => {
    const noon = new Date(2026, 0, 2, 12, 3, 4);
    expect(
      shortUptimeLines(
        [
          { ...web, seconds: 90_061 },
          { ...web, seconds: 61 },
        ],
        noon,
      ),
    ).toEqual([' 12:03:04 up 1 day,  1:01, web (3)', ' 12:03:04 up  0:01, web (3)']);
  });
});
