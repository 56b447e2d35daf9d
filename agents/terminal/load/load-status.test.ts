import { expect, test } from 'vitest';
import type { TerminalStatus } from '../terminal-agent.ts';
import { loadStatus, OutageWatch } from './load-status.ts';

const aStatus = (wish: Partial<TerminalStatus>): TerminalStatus => ({
  isOnline: true,
  sinceMs: 0,
  member: 'a',
  address: '10.1.1.2',
  epoch: 1n,
  calls: 10,
  failures: 1,
  roundTripUs: 2_000,
  desired: undefined,
  why: '',
  ...wish,
});

test('an outage lasts from the first loss until the last terminal is back, whenever somebody looks', () => {
  const outage = new OutageWatch();
  outage.show([aStatus({}), aStatus({ isOnline: false, why: 'it has just started' })], 500);
  expect(outage.lastMs).toBeNull();
  outage.show([aStatus({ sinceMs: 400 }), aStatus({ sinceMs: 900 })], 1_000);
  expect(outage.lastMs).toBeNull();
  outage.show([aStatus({ isOnline: false, sinceMs: 5_000 }), aStatus({ sinceMs: 900 })], 5_050);
  outage.show([aStatus({ sinceMs: 5_300 }), aStatus({ isOnline: false, sinceMs: 5_100 })], 5_400);
  expect(outage.lastMs).toBeNull();
  outage.show([aStatus({ sinceMs: 5_300 }), aStatus({ sinceMs: 6_250 })], 9_000);
  expect(outage.lastMs).toBe(1_250);
});

test('a status adds up its terminals', () => {
  const lost = aStatus({ isOnline: false, member: undefined, roundTripUs: undefined, why: 'no answer' });
  const statuses = [aStatus({}), aStatus({ member: 'b', epoch: 3n, roundTripUs: 6_000 }), aStatus({ roundTripUs: 4_000 }), lost];
  expect(loadStatus(statuses, new OutageWatch())).toEqual({
    total: 4,
    online: 3,
    epoch: 3,
    members: { a: 2, b: 1 },
    calls: 40,
    failures: 4,
    roundTripSeconds: { median: 0.004, max: 0.006 },
    reconnectedSeconds: null,
    reasons: { 'no answer': 1 },
  });
});
