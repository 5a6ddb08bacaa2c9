import { expect, it } from 'vitest';
import { memorySizeKiB } from '../../cli/memory-size.ts';

it.each([
  ['512', 524_288],
  ['512m', 524_288],
  ['512M', 524_288],
  ['100k', 100],
  ['2g', 2_097_152],
  ['1t', 1_073_741_824],
  ['2048b', 2],
  ['1b', 0],
  ['0', 0],
  ['', null],
  ['m', null],
  ['-1', null],
  ['1.5g', null],
  ['1mb', null],
  ['1x', null],
  ['999999999999999t', null],
])('the size %j is %j KiB', (word, kib) => {
  expect(memorySizeKiB(word)).toBe(kib);
});
