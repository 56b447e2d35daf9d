import { expect, test } from 'vitest';
import { defaultLimits } from './limits.ts';
import { peerFactsOf } from './member-facts.ts';
import { aPrimary, ago, records } from './testing/a-member.ts';

const stillMs = defaultLimits.canaryStaleAfterMs;

test.each([
  { what: 'has everything', peerFlush: 5_000n, movedMs: ago(60_000), streaming: true },
  { what: 'lags and moves', peerFlush: 4_000n, movedMs: ago(stillMs - 1), streaming: true },
  { what: 'lags and stands still, as behind a sender that hangs', peerFlush: 4_000n, movedMs: ago(stillMs), streaming: false },
])('a standby that $what is told to stream: $streaming', ({ peerFlush, movedMs, streaming }) => {
  const state = aPrimary({ record: records.solo, postgres: { names: 'none', flush: 5_000n, peerFlush }, peerFlushMovedMs: movedMs });
  expect(peerFactsOf(state)?.streaming).toBe(streaming);
});
