import { describe, expect, test } from 'vitest';
import { aStoredPair } from '#test/api/stored-pair.ts';
import { decideDrill } from './decide-drill.ts';
import { decideStatus } from './decide-status.ts';
import type { DrillView } from './drill-view.ts';
import { aPairThatIs, aRun, aStoredDrill } from './testing/drills.ts';

const at = (time: string): number => Date.parse(time);
/** Wednesday, four o'clock in Berlin. */
const due = at('2026-07-01T02:00:00Z');
const name = 'weekly-202607010200';
const well = aPairThatIs('True', 'StandbyStreaming');
const done = { type: 'Complete', reason: 'Done', outageMs: 140 } as const;

const aView = (change: Partial<DrillView> = {}): DrillView => ({
  schedule: aStoredDrill(),
  pair: well,
  runs: [],
  nowMs: due + 50,
  ...change,
});

interface Row {
  readonly behaviour: string;
  readonly view: Partial<DrillView>;
  readonly due: object | undefined;
}

const rows: readonly Row[] = [
  { behaviour: 'before its time nothing is asked for', view: { nowMs: due - 1 }, due: undefined },
  {
    behaviour: 'at its time the pair is asked, until the deadline',
    view: {},
    due: { do: 'run', name, dueMs: due, notAfterMs: due + 600_000, member: undefined },
  },
  {
    behaviour: 'a switchover goes to the standby',
    view: { schedule: aStoredDrill({ type: 'Switchover' }) },
    due: { do: 'run', member: 'b' },
  },
  {
    behaviour: 'without a known standby it goes nowhere',
    view: {
      schedule: aStoredDrill({ type: 'Switchover' }),
      pair: aStoredPair({ status: { conditions: well.status?.conditions ?? [] } }),
    },
    due: { do: 'pass', as: 'Skipped' },
  },
  { behaviour: 'back within the deadline it is made up', view: { nowMs: due + 600_000 }, due: { do: 'run', name } },
  {
    behaviour: 'back after the deadline it was missed',
    view: { nowMs: due + 600_001 },
    due: { do: 'pass', as: 'Missed', why: expect.stringContaining('2026-07-01T02:00:00Z') as string },
  },
  {
    behaviour: 'back after many weeks only the last one is told as missed',
    view: { nowMs: at('2026-09-01T00:00:00Z') },
    due: { do: 'pass', as: 'Missed', dueMs: at('2026-08-26T02:00:00Z') },
  },
  {
    behaviour: 'dealt with, it is not asked for again',
    view: { schedule: aStoredDrill({}, { consideredUntil: '2026-07-01T02:00:00Z' }) },
    due: undefined,
  },
  {
    behaviour: 'a pair that could lose something is left alone, with the reason of the pair',
    view: { pair: aPairThatIs('False', 'CopyingStandby') },
    due: { do: 'pass', as: 'Skipped', why: expect.stringContaining('CopyingStandby: as it is') as string },
  },
  {
    behaviour: 'and one of which that is not known',
    view: { pair: aPairThatIs('Unknown', 'MembersUnreachable') },
    due: { do: 'pass', as: 'Skipped' },
  },
  { behaviour: 'and one that has said nothing yet', view: { pair: aStoredPair() }, due: { do: 'pass', as: 'Skipped' } },
  {
    behaviour: 'without its pair it is skipped',
    view: { pair: undefined },
    due: { do: 'pass', as: 'Skipped', why: expect.stringContaining('there is no FailoverPair pair-7') as string },
  },
  {
    behaviour: 'a pair on its way out is left alone',
    view: { pair: { ...well, metadata: { ...well.metadata, deletionTimestamp: '2026-07-01T00:00:00Z' } } },
    due: { do: 'pass', as: 'Skipped' },
  },
  {
    behaviour: 'two are never at once',
    view: { runs: [aRun('weekly-202606240200')] },
    due: { do: 'pass', as: 'Skipped', why: expect.stringContaining('weekly-202606240200 is not over') as string },
  },
  { behaviour: 'one that is over is in nobody’s way', view: { runs: [aRun('weekly-202606240200', done)] }, due: { do: 'run', name } },
  {
    behaviour: 'the one of this time, made before the status was written, is the one of this time: whatever it did to the pair',
    view: { runs: [aRun(name)], pair: aPairThatIs('False', 'StandbyLost') },
    due: { do: 'run', name },
  },
  { behaviour: 'suspended it asks for nothing', view: { schedule: aStoredDrill({ suspend: true }) }, due: undefined },
  {
    behaviour: 'a spec that was changed or resumed makes nothing up',
    view: { schedule: aStoredDrill({}, { observedGeneration: 1 }), nowMs: due + 60_000 },
    due: undefined,
  },
  {
    behaviour: 'in October the hour that comes twice is one drill',
    view: {
      schedule: aStoredDrill({ schedule: '30 2 * * *' }, { consideredUntil: '2026-10-25T00:30:00Z' }),
      nowMs: at('2026-10-25T01:30:30Z'),
    },
    due: undefined,
  },
  {
    behaviour: 'in March the hour that is left out is one drill, right after it',
    view: {
      schedule: aStoredDrill({ schedule: '30 2 * * *' }, { consideredUntil: '2026-03-28T01:30:00Z' }),
      nowMs: at('2026-03-29T01:00:01Z'),
    },
    due: { do: 'run', name: 'weekly-202603290100' },
  },
];

describe('what a schedule of drills asks for', () => {
  for (const { behaviour, view, due: expected } of rows) {
    test(behaviour, () => {
      const decision = decideDrill(aView(view));
      if (expected === undefined) expect(decision.due).toBeUndefined();
      else expect(decision.due).toMatchObject(expected);
    });
  }

  test('runs beyond the limit go, the oldest first, and none that is under way', () => {
    const names = ['weekly-1', 'weekly-2', 'weekly-3', 'weekly-4', 'weekly-5'];
    const runs = [...names.map((each) => aRun(each, done)), aRun('weekly-0')];
    expect(decideDrill(aView({ runs, nowMs: due - 1 })).tooMany.map(({ metadata }) => metadata.name)).toEqual(['weekly-2', 'weekly-1']);
  });
});

describe('what a schedule tells', () => {
  const statusOf = (change: Partial<DrillView>) => {
    const view = aView(change);
    return decideStatus(view, decideDrill(view));
  };
  const conditions = (change: Partial<DrillView>): readonly string[] =>
    (statusOf(change).conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);

  const told: readonly (readonly [string, Partial<DrillView>, readonly string[]])[] = [
    ['before anything was due', { nowMs: due - 1 }, ['Ready=True Scheduled', 'LastRunSucceeded=Unknown NeverDue']],
    ['under way', {}, ['Ready=True Scheduled', 'LastRunSucceeded=Unknown Running']],
    ['skipped', { pair: aPairThatIs('False', 'StandbyLost') }, ['Ready=True Scheduled', 'LastRunSucceeded=False Skipped']],
    ['missed', { nowMs: due + 700_000 }, ['Ready=True Scheduled', 'LastRunSucceeded=False Missed']],
    ['suspended', { schedule: aStoredDrill({ suspend: true }) }, ['Ready=True Suspended', 'LastRunSucceeded=Unknown NeverDue']],
    [
      'a schedule that is none',
      { schedule: aStoredDrill({ schedule: '61 4 * * *' }) },
      ['Ready=False SpecRefused', 'LastRunSucceeded=Unknown NeverDue'],
    ],
    ['without its pair', { pair: undefined, nowMs: due - 1 }, ['Ready=False PairMissing', 'LastRunSucceeded=Unknown NeverDue']],
  ];
  for (const [behaviour, change, expected] of told) {
    test(behaviour, () => expect(conditions(change)).toEqual(expected));
  }

  const running = aStoredDrill(
    {},
    { consideredUntil: '2026-07-01T02:00:00Z', lastRun: '2026-07-01T02:00:00Z', lastOperation: name, lastResult: 'Running' },
  );

  test('a drill that went well tells its outage, and when the next one is due', () => {
    const status = statusOf({ schedule: running, runs: [aRun(name, done)] });
    expect(status).toMatchObject({
      lastResult: 'Succeeded',
      lastRun: '2026-07-01T02:00:00Z',
      lastOperation: name,
      lastWriteOutageMs: 140,
      nextRun: '2026-07-08T02:00:00Z',
      consideredUntil: '2026-07-01T02:00:00Z',
    });
    expect(status.conditions?.[1]).toMatchObject({ status: 'True', reason: 'Succeeded', message: `${name}: as it went` });
  });

  test('a drill that was refused or expired failed, with the reason', () => {
    const status = statusOf({ schedule: running, runs: [aRun(name, { type: 'Failed', reason: 'Expired' })] });
    expect(status.lastResult).toBe('Failed');
    expect(status.conditions?.[1]).toMatchObject({ status: 'False', message: `${name}: Expired: as it went` });
  });

  test('a drill that somebody deleted while it ran is not awaited for ever', () => {
    expect(statusOf({ schedule: running, nowMs: due + 60_000 }).lastResult).toBe('Running');
    expect(statusOf({ schedule: running, nowMs: due + 26 * 3_600_000 }).lastResult).toBe('Failed');
  });

  test('what was told stays when the operation is gone, until something else is due', () => {
    const message = `${name}: as it went`;
    const succeeded = {
      type: 'LastRunSucceeded',
      status: 'True',
      reason: 'Succeeded',
      message,
      lastTransitionTime: '2026-07-01T02:01:00Z',
    };
    const schedule = aStoredDrill(
      {},
      { ...running.status, lastResult: 'Succeeded', lastWriteOutageMs: 140, conditions: [succeeded as never] },
    );
    const later = statusOf({ schedule, nowMs: due + 3_600_000 });
    expect(later).toMatchObject({ lastResult: 'Succeeded', lastWriteOutageMs: 140 });
    expect(later.conditions?.[0]).toMatchObject({ reason: 'Succeeded', message, lastTransitionTime: '2026-07-01T02:01:00Z' });
    const skipped = statusOf({ schedule, nowMs: due + 7 * 86_400_000 + 60_000, pair: aPairThatIs('False', 'DiskFull') });
    expect(skipped).toMatchObject({ lastResult: 'Skipped', lastRun: '2026-07-01T02:00:00Z' });
  });

  test('nothing of it changes while nothing is due', () => {
    const one = statusOf({ nowMs: due - 3_600_000 });
    expect(statusOf({ schedule: { ...aStoredDrill(), status: one }, nowMs: due - 1_800_000 })).toEqual(one);
  });
});
