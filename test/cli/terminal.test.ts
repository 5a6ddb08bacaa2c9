import { describe, expect, it } from 'vitest';
import { styleOf } from '../../cli/terminal.ts';

const screen = { isTTY: true, columns: 120 };

describe('what a stream can show', () => {
  it.each([
    { stream: screen, environment: { TERM: 'xterm' }, colour: 1, width: 120, live: true },
    { stream: screen, environment: { TERM: 'xterm-256color' }, colour: 2, width: 120, live: true },
    { stream: screen, environment: { TERM: 'xterm', COLORTERM: 'truecolor' }, colour: 3, width: 120, live: true },
    { stream: screen, environment: { TERM: 'xterm', NO_COLOR: '1' }, colour: 0, width: 120, live: true },
    { stream: screen, environment: { TERM: 'xterm', NO_COLOR: '' }, colour: 1, width: 120, live: true },
    { stream: screen, environment: { TERM: 'dumb' }, colour: 0, width: 120, live: false },
    { stream: { isTTY: true, columns: 0 }, environment: { TERM: 'xterm' }, colour: 1, width: 80, live: true },
    { stream: { isTTY: true, columns: 10 }, environment: { TERM: 'xterm' }, colour: 1, width: 40, live: true },
    { stream: {}, environment: { TERM: 'xterm' }, colour: 0, width: 100, live: false },
    { stream: {}, environment: { TERM: 'xterm', FORCE_COLOR: '1' }, colour: 1, width: 100, live: false },
    { stream: screen, environment: { TERM: 'xterm', FORCE_COLOR: '0' }, colour: 0, width: 120, live: true },
  ])('$stream with $environment', ({ stream, environment, ...style }) => {
    expect(styleOf(stream, environment)).toMatchObject(style);
  });

  it.each([
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'de_DE.utf8' }, true],
    [{ LANG: 'C.UTF-8', LC_ALL: 'C' }, false],
    [{}, false],
  ])('the locale %j decides on more than ASCII: %s', (environment, unicode) => {
    expect(styleOf({}, environment).unicode).toBe(unicode);
  });
});
