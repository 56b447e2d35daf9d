import { expect, test } from 'vitest';
import { findCondition, setCondition, statusDiffers } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { kubeTime, microTime } from './time.ts';

const atMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const ready: Condition = {
  type: 'Ready',
  status: 'True',
  reason: 'AllWell',
  message: 'fine',
  observedGeneration: 1,
  lastTransitionTime: '2025-01-01T00:00:00Z',
};

test('times are written as the API server wants them', () => {
  expect(kubeTime(atMs)).toBe('2026-01-02T03:04:05Z');
  expect(microTime(atMs)).toBe('2026-01-02T03:04:05.678000Z');
  expect(microTime(Math.floor(atMs / 1_000) * 1_000)).toBe('2026-01-02T03:04:05.000000Z');
});

test('a first condition is added, and dated now', () => {
  const { lastTransitionTime: _, ...wanted } = ready;
  expect(setCondition([], wanted, atMs)).toEqual([{ ...ready, lastTransitionTime: '2026-01-02T03:04:05Z' }]);
});

test('reason, message and generation change without moving the time', () => {
  const next = { ...ready, reason: 'StillWell', message: 'fine again', observedGeneration: 2 };
  expect(setCondition([ready], next, atMs)).toEqual([{ ...next, lastTransitionTime: ready.lastTransitionTime }]);
});

test('a change of the status moves the time, and the order stays', () => {
  const other = { ...ready, type: 'Progressing' };
  const [first, second] = setCondition([ready, other], { ...ready, status: 'False' }, atMs);
  expect([first, second]).toEqual([{ ...ready, status: 'False', lastTransitionTime: '2026-01-02T03:04:05Z' }, other]);
  expect(findCondition([ready, other], 'Progressing')).toBe(other);
});

const differences = [
  ['nothing', {}, false],
  ['the time of a transition', { conditions: [{ ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' }] }, false],
  ['the order of conditions', { conditions: [{ ...ready, type: 'B' }, ready] }, false, { conditions: [ready, { ...ready, type: 'B' }] }],
  ['a reason', { conditions: [{ ...ready, reason: 'Other' }] }, true],
  ['an observed generation', { conditions: [{ ...ready, observedGeneration: 2 }] }, true],
  ['a field that is undefined on one side', { conditions: [ready], count: undefined }, false],
  ['a number', { conditions: [ready], count: 1 }, true],
  ['the order of a plain list', { list: [1, 2] }, true, { list: [2, 1] }],
] as const;

for (const [what, change, differs, from] of differences) {
  test(`${what} ${differs ? 'is' : 'is not'} a difference`, () => {
    const before = from ?? { conditions: [ready] };
    expect(statusDiffers(before, what === 'nothing' ? before : change)).toBe(differs);
  });
}
