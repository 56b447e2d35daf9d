import { expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { Heartbeat } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { CallFailure } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { Fleet } from './fleet.ts';
import { tickMs } from './hall-watch.ts';
import type { LoadedLedger, LoadedTerminal } from './ledger/load-ledger.ts';
import type { LedgerItem, NumberedChange } from './ledger/ledger-items.ts';
import { emptyRoster } from './roster.ts';
import type { TerminalProfile } from './roster.ts';
import { zeroTotals } from './time-account.ts';

const profile = (name: string): TerminalProfile => ({
  name,
  model: '',
  zone: '',
  seat: '',
  serialNumber: '',
  suspended: false,
  suspendReason: '',
  suspendUntilMs: undefined,
  heartbeat: {},
});

const startMs = 1_700_000_000_000;

/** A hall with one terminal, on a clock that only the test moves. */
function aHall(known: Partial<LoadedTerminal> = {}, loaded: Partial<LoadedLedger> = {}) {
  let nowMs = 50_000;
  let wallMs = startMs;
  const clock: Clock = { nowMs: () => nowMs, wallMs: () => wallMs, sleep: () => Promise.reject(new Error('nobody sleeps here')) };
  const terminal = { state: 'unknown', sinceMs: startMs - 60_000, why: '', hangs: 0, ...known } as const;
  const fleet = new Fleet('north', clock, {
    roster: { ...emptyRoster, revision: 'r1', terminals: new Map([['t1', profile('t1')]]) },
    terminals: new Map([['t1', terminal]]),
    totals: new Map([['t1', { ...zeroTotals(), online: 100_000 }]]),
    feedNumber: 0n,
    epoch: 1n,
    observedToMs: startMs - 5_000,
    latestMs: startMs - 5_000,
    problems: [],
    ...loaded,
  });
  fleet.record('t1')?.admit({ runKey: '07', agentVersion: '0.1.0' });
  const items: LedgerItem[] = [];
  const moves = (): string[] => items.flatMap((item) => (item.kind === 'transition' ? [`${item.from}>${item.to}`] : []));
  const beat = (wish: Partial<Heartbeat> = {}): void => void fleet.record('t1')?.heard({ ...Heartbeat.create(), ...wish }, fleet.stamp());
  /** Passes at the usual pace. */
  const run = (forMs: number, each: () => void = () => undefined): void => {
    for (let passedMs = 0; passedMs < forMs; passedMs += tickMs) {
      nowMs += tickMs;
      wallMs += tickMs;
      each();
      items.push(...fleet.pass().items);
    }
  };
  const pause = (forMs: number): void => {
    nowMs += forMs;
    wallMs += forMs;
  };
  return { fleet, items, moves, beat, run, pause, stepWall: (byMs: number) => (wallMs += byMs), nowHallMs: () => fleet.stamp().hallMs };
}

test('after a take-over a terminal is unknown from the end of the last watch, and what was credited stays', () => {
  const hall = aHall({ state: 'online', sinceMs: startMs - 30_000 });
  hall.run(tickMs);
  expect(hall.items[0]).toMatchObject({
    from: 'online',
    to: 'unknown',
    atMs: startMs - 5_000,
    fromTotalMs: 125_000,
    why: 'nobody watched',
  });
});

test('a terminal that calls in its grace goes from unknown to online and is never offline', () => {
  const hall = aHall({ state: 'online' });
  hall.run(3_000);
  hall.run(20_000, () => hall.beat());
  expect(hall.moves()).toEqual(['online>unknown', 'unknown>online']);
});

test('a terminal that does not call is offline when its grace is over', () => {
  const hall = aHall();
  hall.run(4_500);
  expect(hall.moves()).toEqual([]);
  hall.run(1_000);
  expect(hall.moves()).toEqual(['unknown>offline']);
});

test('silence counts from the last heartbeat, and the time until then was online', () => {
  const hall = aHall();
  hall.run(10_000, () => hall.beat());
  const heardMs = hall.nowHallMs();
  hall.run(6_000);
  expect(hall.moves()).toEqual(['unknown>online', 'online>offline']);
  expect(hall.items.at(-1)).toMatchObject({ atMs: heardMs });
});

test('a pause of our own makes nobody offline: only so much of it counts as watching', () => {
  const hall = aHall();
  hall.run(5_000, () => hall.beat());
  // Nearly eight seconds without a heartbeat, of which we slept through more than half: less than offlineAfter was watched.
  hall.run(3_000);
  hall.pause(4_700);
  hall.run(tickMs);
  hall.run(2_000, () => hall.beat());
  expect(hall.moves()).toEqual(['unknown>online']);
});

test('a pause too long to be a watch is unknown to all, and a new observer row begins after it', () => {
  const hall = aHall();
  hall.run(5_000, () => hall.beat());
  const beforeMs = hall.nowHallMs();
  const fromMs = hall.fleet.pass().observer.fromMs;
  hall.pause(60_000);
  hall.run(tickMs);
  expect(hall.items.at(-1)).toMatchObject({ from: 'online', to: 'unknown', atMs: beforeMs });
  expect(hall.fleet.pass().observer.fromMs).toBeGreaterThan(fromMs + 60_000);
  hall.run(1_000, () => hall.beat());
  expect(hall.moves()).toEqual(['unknown>online', 'online>unknown', 'unknown>online']);
});

test.each([
  ['forward', 3_600_000],
  ['back', -3_600_000],
])('a wall clock that jumps an hour %s changes no state and no credited time', (_way, byMs) => {
  const hall = aHall();
  hall.run(5_000, () => hall.beat());
  const before = hall.nowHallMs();
  hall.stepWall(byMs);
  hall.run(5_000, () => hall.beat());
  expect(hall.moves()).toEqual(['unknown>online']);
  expect(hall.nowHallMs() - before).toBe(5_000);
});

test("a leader whose clock is behind goes on from the ledger's latest time", () => {
  const hall = aHall({}, { latestMs: startMs + 500_000, observedToMs: startMs + 500_000 });
  hall.run(1_000, () => hall.beat());
  expect(hall.items.at(-1)).toMatchObject({ to: 'online' });
  expect(hall.nowHallMs()).toBeGreaterThanOrEqual(startMs + 500_000);
});

test('failures of the last minute make a communication error, and older ones do not', () => {
  const hall = aHall();
  let calls = 100n;
  let failures = 50n;
  const report = (): void => {
    calls += 1n;
    const channel = {
      channel: 'default',
      up: true,
      active: true,
      calls,
      failures: [{ reason: CallFailure.CALL_FAILURE_SILENT, count: failures }],
      roundTripUs: undefined,
    };
    hall.beat({ channels: [channel] });
  };
  hall.run(30_000, report);
  expect(hall.moves()).toEqual(['unknown>online']);
  hall.run(30_000, () => {
    failures += 1n;
    report();
  });
  expect(hall.moves().at(-1)).toBe('online>commError');
  hall.run(70_000, report);
  expect(hall.moves().at(-1)).toBe('commError>online');
});

test('a terminal that leaves the roster keeps its totals for the day it comes back', () => {
  const hall = aHall();
  hall.run(10_000, () => hall.beat());
  const gone = hall.fleet.replaceRoster({ ...emptyRoster, revision: 'r2' });
  expect(gone.map((item) => (item.kind === 'transition' ? item.why : item.change.removed))).toEqual(['it left the roster', ['t1']]);
  hall.fleet.replaceRoster({ ...emptyRoster, revision: 'r3', terminals: new Map([['t1', profile('t1')]]) });
  expect(hall.fleet.record('t1')?.account.settled('online')).toBeGreaterThanOrEqual(109_000);
});

test('a suspension ends by itself at its time', () => {
  const hall = aHall();
  const suspended = { ...profile('t1'), suspended: true, suspendReason: 'new lamp', suspendUntilMs: startMs + 10_000 };
  hall.fleet.replaceRoster({ ...emptyRoster, revision: 'r2', terminals: new Map([['t1', suspended]]) });
  hall.run(9_500, () => hall.beat());
  expect(hall.items.at(-1)).toMatchObject({ to: 'maintenance', why: 'suspended: new lamp' });
  hall.run(1_000, () => hall.beat());
  expect(hall.moves()).toEqual(['unknown>maintenance', 'maintenance>online']);
});

const writtenOf = (items: readonly LedgerItem[]): NumberedChange[] =>
  items.flatMap((item, index) =>
    item.kind === 'transition' ? [{ number: BigInt(index), kind: 'transition', transition: item } as const] : [],
  );

test('a hang is shown as of the last commit, and a terminal that comes back keeps its hangs', () => {
  const hall = aHall({ hangs: 3 });
  let progress = 1n;
  hall.run(3_000, () => hall.beat({ gameProgress: (progress += 1n) }));
  hall.run(12_000, () => hall.beat({ gameProgress: progress }));
  expect(hall.moves().at(-1)).toBe('online>hung');
  const hangs = (): bigint | undefined => hall.fleet.measurements(hall.nowHallMs()).terminals[0]?.hangs;
  expect(hangs()).toBe(3n);
  hall.fleet.written(writtenOf(hall.items));
  expect(hangs()).toBe(4n);
  hall.fleet.replaceRoster({ ...emptyRoster, revision: 'r2' });
  hall.fleet.replaceRoster({ ...emptyRoster, revision: 'r3', terminals: new Map([['t1', profile('t1')]]) });
  expect(hangs()).toBe(4n);
});

test('a roster that the ledger refuses is taken back: the one before it is in force', () => {
  const hall = aHall();
  hall.run(3_000, () => hall.beat());
  const next = { ...emptyRoster, revision: 'r2', terminals: new Map([['t9', profile('t9')]]) };
  const item = hall.fleet.replaceRoster(next).at(-1);
  if (item?.kind !== 'roster') throw new Error('no roster was taken');
  hall.fleet.refused(item);
  expect([hall.fleet.rosterRevision, hall.fleet.record('t9'), hall.fleet.record('t1')?.account.state]).toEqual([
    'r1',
    undefined,
    'unknown',
  ]);
  expect(hall.fleet.replaceRoster(next).at(-1)).toMatchObject({ kind: 'roster', change: { removed: ['t1'] } });
});

test('a shorter interval makes nobody offline who was not told of it yet', () => {
  const slow = { ...emptyRoster, revision: 'r2', heartbeat: { intervalMs: 10_000, offlineAfterMs: 30_000, hungAfterMs: 30_000 } };
  const quick = { ...emptyRoster, revision: 'r3', heartbeat: { intervalMs: 1_000, offlineAfterMs: 5_000, hungAfterMs: 5_000 } };
  const of = (roster: typeof slow) => ({ ...roster, terminals: new Map([['t1', profile('t1')]]) });
  const hall = aHall();
  hall.fleet.replaceRoster(of(slow));
  let progress = 1n;
  const beat = (): void => hall.beat({ gameProgress: (progress += 1n) });
  beat();
  hall.run(9_000);
  beat();
  hall.fleet.replaceRoster(of(quick));
  hall.run(9_000);
  // In flight while the hall tells: the terminal is still at its old pace.
  expect(hall.fleet.record('t1')?.desired(0, 0).heartbeatIntervalMs).toBe(1_000);
  hall.fleet.record('t1')?.told(1_000);
  hall.run(10_000);
  beat();
  hall.run(2_000);
  expect(hall.moves()).toEqual(['unknown>online']);
  hall.run(4_000);
  expect(hall.moves()).toEqual(['unknown>online', 'online>offline']);
});

test('a silent terminal has no round trip and no clock any more, and keeps its totals', () => {
  const hall = aHall();
  const channel = { channel: 'main', up: true, active: true, calls: 7n, failures: [], roundTripUs: 800 };
  const look = () => hall.fleet.measurements(hall.nowHallMs()).terminals[0];
  hall.run(1_000, () => hall.beat({ channels: [channel], wallUnixMs: BigInt(startMs), localApiLatencyUs: 3 }));
  expect(look()).toMatchObject({ channels: [channel], localApiLatencyUs: 3, clockOffsetMs: expect.any(BigInt) as bigint });
  hall.run(6_000);
  expect(look()).toMatchObject({
    channels: [{ ...channel, roundTripUs: undefined }],
    localApiLatencyUs: undefined,
    clockOffsetMs: undefined,
  });
  expect(look()?.lastSeenUnixMs).toBeGreaterThan(0n);
});

test('a run that called too early and then took the free name is no duplicate; one beside a run that lives is', () => {
  const hall = aHall();
  const record = hall.fleet.record('t1');
  if (record === undefined) throw new Error('there is t1');
  const mark = (): boolean => record.isDuplicate(hall.fleet.watchMs);
  hall.run(1_000, () => hall.beat());
  record.rivalCalled(hall.fleet.watchMs);
  hall.run(4_000);
  record.admit({ runKey: '08', agentVersion: '0.1.0' });
  hall.beat();
  expect(mark()).toBe(false);
  record.rivalCalled(hall.fleet.watchMs);
  hall.beat();
  expect(mark()).toBe(true);
});
