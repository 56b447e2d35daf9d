import { expect, test } from 'vitest';
import { defaultLimits } from './limits.ts';
import { factsOf, peerFactsOf } from './member-facts.ts';
import { aPrimary, ago, downPostgres, records } from './testing/a-member.ts';

const stillMs = defaultLimits.canaryStaleAfterMs;

test.each([
  { what: 'has everything', peerFlush: 5_000n, movedMs: ago(60_000), streaming: true },
  { what: 'lags and moves', peerFlush: 4_000n, movedMs: ago(stillMs - 1), streaming: true },
  { what: 'lags and stands still, as behind a sender that hangs', peerFlush: 4_000n, movedMs: ago(stillMs), streaming: false },
])('a standby that $what is told to stream: $streaming', ({ peerFlush, movedMs, streaming }) => {
  const state = aPrimary({ record: records.solo, postgres: { names: 'none', flush: 5_000n, peerFlush }, peerFlushMovedMs: movedMs });
  expect(peerFactsOf(state)?.streaming).toBe(streaming);
});

test('a primary that was not started because its log is cut short says so, and not only that it does not start', () => {
  const refused = { postgres: downPostgres, operationFailures: 1 };
  expect(factsOf(aPrimary(refused)).stuck).toMatch(/could not be started/);
  expect(factsOf(aPrimary({ ...refused, logSuspicion: { lsn: 5_001n, looks: 3 } })).stuck).toMatch(/ends before that of the other/);
});
