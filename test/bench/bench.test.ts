import { expect, test } from 'vitest';
import { medianBetween } from './bench.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1).toReversed();

test.each([
  [1, [1, 1]],
  [10, [1, 10]],
  [11, [2, 10]],
  [40, [13, 28]],
  [100, [40, 61]],
])('of %i figures the median lies between two by their rank', (count, between) => {
  expect(medianBetween(upTo(count))).toEqual(between);
});
