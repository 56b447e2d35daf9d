import { describe, expect, test } from 'vitest';
import { drawFaults, faultKinds, lifeKinds } from './fault-schedule.ts';
import { shrink } from './shrink.ts';
import { faultsOf, lifeOf, simulatePair, stormOf } from './simulate.ts';
import { parseTranscript, transcriptOf } from './transcript.ts';
import { seededRandom } from '#lib/base/random.ts';

describe('a life that fails', () => {
  const failed = [1, 2, 3, 4, 5, 6, 7, 8]
    .map((seed) => simulatePair(stormOf(['memberDies', 'linksCut', 'reload', 'agentHangs'], seed), 'gate'))
    .find(({ violation }) => violation !== undefined);
  if (failed === undefined) throw new Error('none of these seeds fails without the gate');

  test('is told with no fault to spare, and fails in the same way again', () => {
    const least = shrink(failed, 'gate');
    expect(least.violation).toBeDefined();
    expect(least.faults.length).toBeLessThan(failed.faults.length);
    for (const spared of least.faults.keys()) {
      expect(simulatePair({ ...least, faults: least.faults.toSpliced(spared, 1) }, 'gate').violation).toBeUndefined();
    }
    expect(simulatePair(least, 'gate')).toEqual(least);
  });

  test('has a transcript with what happened, from which it can be lived again', () => {
    const text = transcriptOf(failed, 'gate');
    expect(text).toContain(`seed ${failed.seed}, storm, without gate: ${failed.violation ?? ''}`);
    expect(text).toContain('VIOLATION');
    const { life, without } = parseTranscript(text);
    expect(simulatePair(life, without)).toEqual(failed);
  });
});

test('the faults of a seed are always the same, in order, and of every kind in the long run', () => {
  expect(faultsOf(7)).toEqual(faultsOf(7));
  expect(faultsOf(7)).not.toEqual(faultsOf(8));
  const kinds = new Set(
    lifeKinds.flatMap((kind) =>
      Array.from({ length: 300 }, (_, seed) => drawFaults(kind, seededRandom(seed), 90_000))
        .flat()
        .map((fault) => fault.kind),
    ),
  );
  expect([...kinds].toSorted()).toEqual([...faultKinds].toSorted());
  for (const kind of lifeKinds) {
    const times = drawFaults(kind, seededRandom(1), 90_000).map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  }
});

test('a seed stands for one life, and every kind of life is lived', () => {
  expect(lifeOf(3)).toEqual(lifeOf(3));
  expect(new Set(Array.from({ length: 200 }, (_, seed) => lifeOf(seed).kind))).toEqual(new Set(lifeKinds));
});
