import { expect, test } from 'vitest';
import { QuietTime } from './quiet-time.ts';

test('silence adds up, and one word ends it', () => {
  const quiet = new QuietTime(1_000, 0);
  expect([quiet.look(1_000), quiet.look(2_000), quiet.look(3_000)]).toEqual([1_000, 2_000, 3_000]);
  quiet.heard();
  expect(quiet.look(4_000)).toBe(1_000);
});

test('of a pause of our own only a little counts', () => {
  const quiet = new QuietTime(1_000, 0);
  expect(quiet.look(60_000)).toBe(1_250);
  expect(quiet.look(61_000)).toBe(2_250);
});
