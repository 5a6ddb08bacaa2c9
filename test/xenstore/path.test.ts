import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  baseName,
  checkPath,
  childPath,
  isAtOrBelow,
  isNodePath,
  parentPath,
  pathProblem,
  resolvePath,
} from '../../lib/xenstore/path.ts';

describe('paths', () => {
  test.each([
    ['/', null],
    ['/a', null],
    ['/A-Z_0/@x', null],
    ['device/vbd', null],
    ['', 'empty'],
    ['/a/', 'slash'],
    ['//', 'slash'],
    ['/a//b', 'empty component'],
    ['/a+b', 'allowed'],
    ['/a.b', 'allowed'],
    ['/..', 'allowed'],
    ['/é', 'allowed'],
    ['/a\0', 'allowed'],
    [`/${'a'.repeat(3071)}`, null],
    [`/${'a'.repeat(3072)}`, '3072'],
    ['a'.repeat(2048), null],
    ['a'.repeat(2049), '2048'],
  ])('%j is refused for: %s', (path, problem) => {
    if (problem === null) expect(pathProblem(path)).toBeNull();
    else expect(pathProblem(path)).toContain(problem);
  });

  test('names with @ are for watches alone', () => {
    expect(() => checkPath('@releaseDomain')).toThrow(/can only be watched/);
    expect(() => checkPath('@releaseDomain', true)).not.toThrow();
    expect(() => checkPath('/a b')).toThrow(expect.objectContaining({ code: 'xenstore-bad-path' }));
  });

  test('a relative path begins at the caller’s own directory', () => {
    expect(resolvePath('device', 7)).toBe('/local/domain/7/device');
    expect(resolvePath('/device', 7)).toBe('/device');
    expect(resolvePath('@releaseDomain', 7)).toBe('@releaseDomain');
  });

  test('the way to a domain’s directory does not count towards a node’s 2048 characters', () => {
    expect(isNodePath(`/${'a'.repeat(2047)}`)).toBe(true);
    expect(isNodePath(`/${'a'.repeat(2048)}`)).toBe(false);
    expect(isNodePath(`/local/domain/12/${'a'.repeat(2048)}`)).toBe(true);
    expect(isNodePath(`/local/domain/123456/${'a'.repeat(2048)}`)).toBe(false);
  });

  test('below means a whole component further down', () => {
    expect(isAtOrBelow('/a/b', '/a')).toBe(true);
    expect(isAtOrBelow('/a', '/a')).toBe(true);
    expect(isAtOrBelow('/ab', '/a')).toBe(false);
    expect(isAtOrBelow('/a', '/')).toBe(true);
    expect(isAtOrBelow('@releaseDomain', '/')).toBe(false);
  });

  test('parent and name make the path again', () => {
    const component = fc.stringMatching(/^[a-z0-9_@-]{1,5}$/);
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 6 }), (components) => {
        const path = `/${components.join('/')}`;
        expect(isNodePath(path)).toBe(true);
        expect(childPath(parentPath(path), baseName(path))).toBe(path);
        expect(isAtOrBelow(path, parentPath(path))).toBe(true);
      }),
    );
  });
});
