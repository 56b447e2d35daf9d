import { expect, test } from 'vitest';
import { untilBeat } from './beat.ts';

test.each([
  { nowMs: 1_000, sleeps: 100, why: 'on the beat a whole period is slept' },
  { nowMs: 1_040.5, sleeps: 60, why: 'late tasks catch the next beat' },
  { nowMs: 1_075, sleeps: 25, why: 'a quarter before it still' },
  { nowMs: 1_075.1, sleeps: 125, why: 'a nearer one is left out' },
  { nowMs: 1_099.8, sleeps: 101, why: 'a timer that fired a little early does not fire twice' },
])('$why', ({ nowMs, sleeps }) => {
  expect(untilBeat({ nowMs: () => nowMs }, 100)).toBe(sleeps);
});
