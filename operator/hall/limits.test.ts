import { expect, test } from 'vitest';
import { limitProblems, wireLimits } from './limits.ts';
import { heartbeat } from './testing/objects.ts';

test('durations become milliseconds, and what is absent stays absent', () => {
  expect(wireLimits({ interval: '1s500ms', commErrorPercent: 5 })).toEqual({ intervalMs: 1_500, commErrorPercent: 5 });
  expect(wireLimits(undefined)).toEqual({});
});

test.each([
  ['limits of the hall itself', heartbeat, undefined, []],
  ['an override within the limits of the hall', { offlineAfter: '3s' }, heartbeat, []],
  [
    'an interval that the hall has no patience for',
    { interval: '4s' },
    heartbeat,
    ['heartbeat.offlineAfter must be at least twice heartbeat.interval'],
  ],
  ['a slow terminal with patience of its own', { interval: '4s', offlineAfter: '20s' }, heartbeat, []],
  [
    'more calls than a hall server counts',
    { commErrorMinCalls: 50_000 },
    heartbeat,
    ['heartbeat.commErrorMinCalls must be from 1 to 10000'],
  ],
  ['no duration at all', { grace: 'soon' }, heartbeat, ['heartbeat.grace is not a duration such as 5s']],
] as const)('%s', (_behaviour, spec, hall, problems) => {
  expect(limitProblems(spec, hall)).toEqual(problems);
});
