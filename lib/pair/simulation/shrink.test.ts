import { describe, expect, test } from 'vitest';
import { drawFaults } from './fault-schedule.ts';
import { shrink, transcriptOf } from './shrink.ts';
import { faultsOf, simulatePair } from './simulate.ts';
import { seededRandom } from '#lib/base/random.ts';

describe('a life that fails', () => {
  const failed = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => simulatePair(seed, 'gate')).find(({ violation }) => violation !== undefined);
  if (failed === undefined) throw new Error('none of these seeds fails without the gate');

  test('is told with no fault to spare, and fails in the same way again', () => {
    const least = shrink(failed, 'gate');
    expect(least.violation).toBeDefined();
    expect(least.faults.length).toBeLessThan(failed.faults.length);
    for (const spared of least.faults.keys()) {
      expect(simulatePair(least.seed, 'gate', least.faults.toSpliced(spared, 1)).violation).toBeUndefined();
    }
    expect(simulatePair(least.seed, 'gate', least.faults)).toEqual(least);
  });

  test('has a transcript with its seed, its faults and what happened', () => {
    const text = transcriptOf(failed);
    expect(text).toContain(`seed ${failed.seed}: ${failed.violation ?? ''}`);
    for (const { kind, atMs } of failed.faults) expect(text).toContain(`${atMs} ${kind}`);
    expect(text).toContain('VIOLATION');
  });
});

test('the faults of a seed are always the same, in order, and of every kind in the long run', () => {
  expect(faultsOf(7)).toEqual(faultsOf(7));
  expect(faultsOf(7)).not.toEqual(faultsOf(8));
  const many = drawFaults(seededRandom(1), 10_000_000);
  expect(many.map(({ atMs }) => atMs)).toEqual(many.map(({ atMs }) => atMs).toSorted((one, other) => one - other));
  expect(new Set(many.map(({ kind }) => kind)).size).toBe(13);
});
