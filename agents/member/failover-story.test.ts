import { expect, test } from 'vitest';
import type { Takeover } from '#lib/pair/member-state.ts';
import { reportOf } from './failover-story.ts';

const takeover: Takeover = {
  reason: 'silence',
  why: 'heartbeat silent for 612 ms and remote canary for 608 ms',
  epoch: 4,
  lastGoodMs: 1_000,
  decidedMs: 1_612,
  claimedMs: 1_630,
  fencedMs: 1_650,
  promotedMs: 1_700,
  openedMs: 1_730.4,
  lastWriteMs: 950,
  firstWriteMs: 1_732,
  acknowledged: 0x1_01ffff00n,
  flushAtClaim: 0x1_02000000n,
  flushAtOpen: 0x1_02000400n,
};
const members = { from: 'a', to: 'b' };
const now = { awakeMs: 2_000, wallMs: Date.UTC(2026, 0, 1, 12) };

test('the report tells every phase, and the outage from the last commit before to the first one after', () => {
  expect(reportOf(takeover, 1_780, members, now)).toEqual({
    epoch: 4,
    reason: 'silence',
    why: 'heartbeat silent for 612 ms and remote canary for 608 ms',
    from: 'a',
    to: 'b',
    startedAt: '2026-01-01T11:59:59.612Z',
    completedAt: '2026-01-01T11:59:59.780Z',
    phasesMs: { detect: 612, decide: 18, fence: 20, promote: 50, open: 30, route: 50 },
    outageMs: 782,
    positionAtClaim: '1/2000000',
    positionAtOpen: '1/2000400',
    positionAcknowledged: '1/1FFFF00',
  });
});

test('a clock on the wall that jumps an hour moves the times for people and no phase', () => {
  const straight = reportOf(takeover, 1_780, members, now);
  const jumped = reportOf(takeover, 1_780, members, { ...now, wallMs: now.wallMs + 3_600_000 });
  expect(jumped).toEqual({ ...straight, startedAt: '2026-01-01T12:59:59.612Z', completedAt: '2026-01-01T12:59:59.780Z' });
});

test('a name that moved before the gate was open costs nothing', () => {
  expect(reportOf(takeover, 1_700, members, now)).toMatchObject({ phasesMs: { route: 0 }, completedAt: '2026-01-01T11:59:59.730Z' });
});

test('a name that no server takes holds the report for a while, and is left out of it then', () => {
  expect(reportOf(takeover, undefined, members, { ...now, awakeMs: 1_730.4 + 9_999 })).toBeUndefined();
  const late = reportOf(takeover, undefined, members, { ...now, awakeMs: 1_730.4 + 10_000 });
  expect(late).toMatchObject({ phasesMs: { open: 30 }, outageMs: 782 });
  expect(late?.phasesMs).not.toHaveProperty('route');
  expect(late?.completedAt).toBe(new Date(now.wallMs - 10_000).toISOString());
});

test('a canary that does not come holds it as long, and the open gate counts then', () => {
  const unwritten = { ...takeover, firstWriteMs: undefined };
  expect(reportOf(unwritten, 1_780, members, { ...now, awakeMs: 1_730.4 + 9_999 })).toBeUndefined();
  expect(reportOf(unwritten, 1_780, members, { ...now, awakeMs: 1_730.4 + 10_000 })).toMatchObject({ outageMs: 780 });
});

for (const missing of ['claimedMs', 'fencedMs', 'promotedMs', 'openedMs'] as const) {
  test(`no report while the take-over goes on: ${missing} is not known`, () => {
    expect(reportOf({ ...takeover, [missing]: undefined }, 1_780, members, now)).toBeUndefined();
  });
}
