import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fill, hole, holesOf, isTemplate, joinText, show, t, type Text } from '../../lib/base/text.ts';

const D = hole('domid');

describe('a text with holes', () => {
  test('without holes is a string', () => {
    expect(t`/vm/${'abc'}/${7}`).toBe('/vm/abc/7');
    expect(t``).toBe('');
  });

  test('keeps its holes apart from its literals, and merges literals that touch', () => {
    expect(t`/local/domain/${D}/${'device'}/${3}`).toEqual({
      parts: ['/local/domain/', { hole: 'domid' }, '/device/3'],
    });
    const home = t`/local/domain/${D}`;
    expect(t`${home}/name`).toEqual({ parts: ['/local/domain/', { hole: 'domid' }, '/name'] });
    expect(t`${D}${D}`).toEqual({ parts: [{ hole: 'domid' }, { hole: 'domid' }] });
    expect(isTemplate(home)).toBe(true);
    expect(isTemplate('/local')).toBe(false);
  });

  test('is filled from bindings, and names the hole that has none', () => {
    expect(fill(t`a${D}b`, { domid: '7' })).toBe('a7b');
    expect(() => fill(t`a${D}b`, {})).toThrow('${domid}');
  });

  test('shows unknown holes by name, and what only looks like one with a second $', () => {
    expect(show(t`/images/${'${domid}'}/${D}`)).toBe('/images/$${domid}/${domid}');
    expect(show(t`/images/${'${domid}'}/${D}`, { domid: '7' })).toBe('/images/$${domid}/7');
  });

  test('tells its holes in order, each once', () => {
    expect(holesOf(t`${D}-${hole('port')}-${D}`)).toEqual(['domid', 'port']);
    expect(holesOf('plain ${domid}')).toEqual([]);
  });

  test('is joined with its holes', () => {
    expect(joinText(['a', t`${D}`, 'b'], ',')).toEqual({ parts: ['a,', { hole: 'domid' }, ',b'] });
    expect(joinText([])).toBe('');
  });
});

/** Texts as a list of what they are made of: literals, some of which look like holes, and holes. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom('', '${domid}', '$', '{', '/a'),
    fc.string(),
    fc.constantFrom('domid', 'port').map((name) => hole(name)),
  ),
);
const bindings = { domid: '${port}', port: '$&' };

test('whatever users typed, only holes are filled', () => {
  fc.assert(
    fc.property(pieces, (list) => {
      const text = list.reduce<Text>((joined, piece) => t`${joined}${piece}`, '');
      const expected = list.map((piece) => (typeof piece === 'string' ? piece : fill(piece, bindings))).join('');
      expect(fill(text, bindings)).toBe(expected);
      expect(joinText(list)).toEqual(text);
    }),
  );
});
