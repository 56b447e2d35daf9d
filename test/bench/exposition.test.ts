import { expect, test } from 'vitest';
import { median, percentile } from './bench.ts';
import { compareExposition, summary } from './exposition.ts';

test.each([
  { figures: [3, 1, 2], middle: 2 },
  { figures: [4, 1, 2, 3], middle: 2.5 },
  { figures: [7], middle: 7 },
])('the median of $figures is $middle', ({ figures, middle }) => expect(median(figures)).toBe(middle));

test.each([
  { percent: 99, of: 100, figure: 99 },
  { percent: 99, of: 50, figure: 50 },
  { percent: 50, of: 4, figure: 2 },
  { percent: 99, of: 1, figure: 1 },
])('the $percent th percentile of 1 to $of is $figure', ({ percent, of, figure }) => {
  expect(
    percentile(
      Array.from({ length: of }, (_, index) => of - index),
      percent,
    ),
  ).toBe(figure);
});

test('the longest stall is that of the worst round, with the median beside it', () => {
  const figures = { scrapeMs: [3, 1, 2], cpuMs: [1, 1, 4], stallMs: [2, 24, 1], stallCpuMs: [1, 0.5, 3] };
  expect(summary(figures)).toEqual({ scrapeMs: 2, cpuMs: 1, stallMsMax: 24, stallMsMedian: 2, stallCpuMsMax: 3 });
});

test('the bench compares equal samples and prints both sides and their ratio', async () => {
  const said: string[] = [];
  const result = await compareExposition(1_990, 1, (line) => said.push(line));
  const number = expect.any(Number) as number;
  const side = { scrapeMs: number, cpuMs: number, stallMsMax: number, stallMsMedian: number, stallCpuMsMax: number };
  expect(result).toEqual({ ours: side, promClient: side, ratio: expect.any(Number) as number, series: 2_000, rounds: 1 });
  expect(said[0]).toBe('both sides give the same 2000 samples');
});
