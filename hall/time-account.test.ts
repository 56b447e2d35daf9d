import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCredited, terminalStates } from './terminal-states.ts';
import type { TerminalState } from './terminal-states.ts';
import { TimeAccount, zeroTotals } from './time-account.ts';

const state = fc.constantFrom(...terminalStates);
const step = fc.oneof(
  fc.record({
    do: fc.constant('show' as const),
    afterMs: fc.nat(5_000),
    observedAgoMs: fc.nat(3_000),
    heardAgoMs: fc.option(fc.nat(9_000)),
  }),
  fc.record({ do: fc.constant('written' as const), afterMs: fc.nat(500) }),
  fc.record({ do: fc.constant('move' as const), afterMs: fc.nat(5_000), to: state, backMs: fc.nat(9_000) }),
);

test('no total ever goes back, and the credited time is exactly the time that was watched', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let nowMs = 1_000_000;
      const account = new TimeAccount({ state: 'unknown', sinceMs: nowMs, totals: zeroTotals() });
      let shown = { ...zeroTotals() } as Record<TerminalState, number>;
      let unknownMs = 0;
      let unknownSinceMs: number | undefined = nowMs;
      for (const one of steps) {
        nowMs += one.afterMs;
        if (one.do === 'written') {
          account.written();
          continue;
        }
        if (one.do === 'show') {
          const heardMs = one.heardAgoMs === null ? undefined : nowMs - one.heardAgoMs;
          const totals = account.show(nowMs - one.observedAgoMs, heardMs);
          for (const each of terminalStates) expect(totals[each]).toBeGreaterThanOrEqual(shown[each]);
          shown = { ...totals };
          continue;
        }
        if (one.to === account.state) continue;
        const before = account.sinceMs;
        const atMs = account.move(one.to, nowMs - one.backMs);
        expect(atMs).toBeGreaterThanOrEqual(before);
        expect(atMs).toBeLessThanOrEqual(nowMs);
        for (const each of terminalStates) expect(account.settled(each)).toBeGreaterThanOrEqual(shown[each]);
        if (unknownSinceMs !== undefined) unknownMs += atMs - unknownSinceMs;
        unknownSinceMs = one.to === 'unknown' ? atMs : undefined;
      }
      const credited = terminalStates.filter(isCredited).reduce((sum, each) => sum + account.settled(each), 0);
      expect(credited).toBe(account.sinceMs - 1_000_000 - unknownMs);
      expect(account.settled('unknown')).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test('a terminal that is heard counts to its last heartbeat, one that is not to the end of the watch', () => {
  const online = new TimeAccount({ state: 'online', sinceMs: 1_000, totals: zeroTotals() });
  expect(online.show(9_000, 4_000).online).toBe(3_000);
  expect(online.show(3_000, 8_000).online).toBe(3_000);
  const offline = new TimeAccount({ state: 'offline', sinceMs: 1_000, totals: zeroTotals() });
  expect(offline.show(9_000, 1_500).offline).toBe(8_000);
});

test('a transition that would take back what was shown is placed after it', () => {
  const account = new TimeAccount({ state: 'online', sinceMs: 1_000, totals: zeroTotals() });
  account.show(6_000, 6_000);
  expect(account.move('offline', 4_000)).toBe(6_000);
  expect(account.settled('online')).toBe(5_000);
});

test('what a transition credits is shown when it is written: another member that takes over before that shows no less', () => {
  const start = { state: 'online', sinceMs: 1_000, totals: zeroTotals() } as const;
  const account = new TimeAccount(start);
  account.move('offline', 9_000);
  // Durable is a watch until 6 s; nothing in the ledger says yet that the terminal went.
  const shown = account.show(6_000, 9_000);
  expect(shown).toEqual({ ...zeroTotals(), online: 5_000 });
  expect(account.show(12_000, 9_000)).toEqual({ ...zeroTotals(), online: 8_000 });
  const successor = new TimeAccount(start);
  successor.move('unknown', 12_000);
  successor.written();
  expect(successor.show(12_000, undefined).online).toBeGreaterThanOrEqual(8_000);
  account.written();
  expect(account.show(12_000, 9_000)).toEqual({ ...zeroTotals(), online: 8_000, offline: 3_000 });
});
