import { expect, test } from 'vitest';
import { median } from './bench.ts';
import { expositionBench } from './exposition.ts';

test.each([
  { figures: [3, 1, 2], middle: 2 },
  { figures: [4, 1, 2, 3], middle: 2.5 },
  { figures: [7], middle: 7 },
])('the median of $figures is $middle', ({ figures, middle }) => expect(median(figures)).toBe(middle));

test('the bench compares equal samples and prints both sides and their ratio', async () => {
  const said: string[] = [];
  const result = await expositionBench.run({ series: 1_990, rounds: 1, say: (line) => said.push(line) });
  const side = { scrapeMs: expect.any(Number) as number, cpuMs: expect.any(Number) as number, stallMsMax: expect.any(Number) as number };
  expect(result).toEqual({ ours: side, promClient: side, ratio: expect.any(Number) as number, series: 2_000, rounds: 1 });
  expect(said[0]).toBe('both sides give the same 2000 samples');
});
