import { describe, expect, test } from 'vitest';
import { defaultLimits, limitProblems } from './limits.ts';
import type { PairLimits } from './limits.ts';

describe('limits of detection', () => {
  test('the defaults can be used', () => expect(limitProblems(defaultLimits)).toEqual([]));

  const rows: readonly (readonly [string, Partial<PairLimits>, readonly string[]])[] = [
    ['a period of 20 ms', { periodMs: 20 }, []],
    ['a period of 19 ms', { periodMs: 19 }, ['periodMs 19 is below 20']],
    ['suspicion after two periods and room for the degrade', { suspectAfterMs: 551 }, []],
    ['a standby that claims as soon as a primary could degrade', { suspectAfterMs: 550 }, ['must be below suspectAfterMs 550']],
    ['a degrade after two periods', { degradeAfterMs: 200 }, []],
    ['a degrade that one lost message decides', { degradeAfterMs: 199 }, ['degradeAfterMs 199 is below two periods (200)']],
    ['a stale canary that one lost message makes', { canaryStaleAfterMs: 199 }, ['canaryStaleAfterMs 199 is below two periods']],
    ['slow before lost', { degradeSlowAfterMs: 300 }, ['degradeSlowAfterMs must be above degradeAfterMs']],
    ['detection in just under the longest way', { suspectAfterMs: 999 }, []],
    ['detection at the longest way', { suspectAfterMs: 1_000 }, ['detection could take 1200 ms, and must stay below 1200']],
    ['a slow canary at the longest way', { canaryStaleAfterMs: 1_000 }, ['detection could take 1200 ms']],
    [
      'several at once',
      { periodMs: 10, degradeSlowAfterMs: 15, suspectAfterMs: 2_000 },
      ['periodMs 10 is below 20', 'degradeSlowAfterMs 15 is below two periods', 'degradeSlowAfterMs must be above', 'detection could take'],
    ],
  ];
  for (const [behaviour, change, problems] of rows) {
    test(`${behaviour}: ${problems.length === 0 ? 'accepted' : 'refused'}`, () => {
      const found = limitProblems({ ...defaultLimits, ...change });
      expect(found).toEqual(problems.map((part) => expect.stringContaining(part) as string));
    });
  }
});
