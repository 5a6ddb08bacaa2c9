import { describe, expect, it } from 'vitest';
import { decodeDomain } from '../../lib/config/decode.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { checkBootFiles, resolveBoot } from '../../lib/resolve/boot.ts';
import { factsOf } from '../support/facts.ts';

describe('a kernel', () => {
  const { config } = decodeDomain(
    parseConfig('name = "g"\ntype = "pvh"\nkernel = "/boot/vmlinuz"\n', { dialect: 'xl', source: 'g.cfg' }),
    { source: 'g.cfg', dialect: 'xl' },
  );

  it.each([
    ['ENOENT', 'the kernel /boot/vmlinuz is not there (ENOENT)', /relative path/],
    ['ETIMEDOUT', 'the kernel /boot/vmlinuz did not answer when it was looked at', /may well be there/],
  ])('that cannot be looked at, %s, is refused in words', (errno, message, hint) => {
    const facts = factsOf({ paths: { '/boot/vmlinuz': { kind: 'missing', errno } } });
    const [problem] = checkBootFiles(resolveBoot(config, facts), config, facts);
    expect(problem).toMatchObject({ code: 'kernel-unusable', message });
    expect(problem?.hint).toMatch(hint);
  });
});
