import { expect, test } from 'vitest';
import { inWords, spread } from './spread.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => (index + 1) * 1_000);

test.each([
  [1, { median: 1, worst: 1 }],
  [12, { median: 6.5, worst: 12 }],
  [99, { median: 50, worst: 99 }],
  [100, { median: 50.5, p99: 99, max: 100 }],
  [200, { median: 100.5, p99: 198, max: 200 }],
])('of %i runs people read of a 99th percentile only where it is not simply the worst run', (count, read) => {
  expect(inWords(spread(upTo(count)))).toEqual(read);
});

test('machines read p99 of any number of runs', () => {
  expect(spread(upTo(12))).toEqual({ median: 6.5, p99: 12, max: 12 });
});

test('what is no spread stays as it is, wherever it stands', () => {
  const result = { fault: 'crash', lost: 0, patroni: { default: { outageSeconds: spread(upTo(3)), list: [1, null] } } };
  expect(inWords(result)).toEqual({
    fault: 'crash',
    lost: 0,
    patroni: { default: { outageSeconds: { median: 2, worst: 3 }, list: [1, null] } },
  });
});
