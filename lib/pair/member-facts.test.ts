import { expect, test } from 'vitest';
import { applyPostgres } from './apply-postgres.ts';
import { defaultLimits } from './limits.ts';
import { factsOf, peerFactsOf } from './member-facts.ts';
import { aMember, aPrimary, ago, downPostgres, now, records } from './testing/a-member.ts';

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

test.each([
  { what: 'sees that nothing comes', lookedMs: now, stuck: 'its PostgreSQL takes nothing from the stream' },
  { what: 'has not seen its own server for a while', lookedMs: ago(defaultLimits.suspectAfterMs), stuck: undefined },
])('a standby that $what, beside a primary that writes, says of itself: $stuck', ({ lookedMs, stuck }) => {
  const state = aMember({ flushMovedMs: ago(defaultLimits.degradeSlowAfterMs), lookedMs });
  expect(factsOf(state).stuck).toBe(stuck);
});

test('only a look that succeeded counts as one', () => {
  const state = aMember({ lookedMs: ago(700) });
  expect(applyPostgres(state, { ...state.postgres, streaming: false }).lookedMs).toBe(ago(700));
  expect(applyPostgres(state, { ...state.postgres, look: state.postgres.look + 1 }).lookedMs).toBe(now);
});
