import { describe, expect, test } from 'vitest';
import type { FailoverReport } from '#agents/member/contract.ts';
import type { FailoverPairStatus } from '#lib/api/failoverpair.gen.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { adoptionReason } from './adoption-words.ts';
import { aPairView, heard } from '../testing/views.ts';
import { decideFailoverNews } from './decide-failover-news.ts';
import { decideFailovers } from './decide-failovers.ts';
import type { PairView } from './pair-view.ts';

const nowMs = Date.parse('2026-01-02T03:05:00Z');

const report = (epoch: number, change: Partial<FailoverReport> = {}): FailoverReport => ({
  epoch,
  reason: 'processDeath',
  why: 'the primary says that its PostgreSQL died',
  from: 'a',
  to: 'b',
  startedAt: '2026-01-02T03:04:05.1Z',
  completedAt: `2026-01-02T03:04:${String(epoch).padStart(2, '0')}.1Z`,
  phasesMs: { detect: 20, decide: 18, fence: 11, promote: 43, open: 14 },
  outageMs: 190,
  positionAtClaim: '0/3000100',
  positionAtOpen: '0/3000178',
  positionAcknowledged: '0/30000F0',
  ...change,
});

describe('the history of a pair', () => {
  test('is the last ten changes of the leader, told by either member and never twice', () => {
    const known = Array.from({ length: 9 }, (_, index) => ({ epoch: index + 1, completedAt: '2026-01-01T00:00:00Z' })).toReversed();
    const view = aPairView({
      pair: aStoredPair({ status: { history: known } }),
      members: new Map([
        ['a', heard({ failovers: [report(9), report(11)] })],
        ['b', heard({ failovers: [report(10), report(11)] })],
      ]),
    });
    const { history, lastFailover } = decideFailovers(view, nowMs);
    expect(history?.map(({ epoch }) => epoch)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    expect(history?.[2]?.completedAt).toBe('2026-01-01T00:00:00Z');
    expect(lastFailover).toEqual({
      epoch: 11,
      reason: 'ProcessDeath',
      from: 'a',
      to: 'b',
      startedAt: '2026-01-02T03:04:05Z',
      completedAt: '2026-01-02T03:04:11Z',
      writeOutageMs: 190,
      message: 'the primary says that its PostgreSQL died',
      phases: { detect: 20, decide: 18, fence: 11, promote: 43, open: 14 },
      positionAcknowledged: '0/30000F0',
      positionAtClaim: '0/3000100',
      positionAtOpen: '0/3000178',
    });
  });

  const record = (change: Parameters<typeof aStoredRecord>[0] = {}) =>
    aStoredRecord({ epoch: 3, changedAt: '2026-01-02T03:03:59Z', ...change });
  const serving = new Map([['a', heard({ member: 'a', role: 'primary', serving: true })]]);
  test('a record that a person wrote anew tells who, why and with what loss, at once, and no member tells it otherwise', () => {
    const spec = { mode: 'Solo', epoch: 5, primary: 'b', author: 'ada', changedAt: '2026-01-02T03:04:00Z' } as const;
    const of = (reason: string, status: object = { primary: 'a' }, members = new Map<string, ReturnType<typeof heard>>()) =>
      decideFailovers(aPairView({ pair: aStoredPair({ status }), record: aStoredRecord({ ...spec, reason }), members }), nowMs);
    const lossy = of(adoptionReason('a burnt', 'b', true));
    expect(lossy.lastFailover).toEqual({
      epoch: 5,
      reason: 'Adopted',
      from: 'a',
      to: 'b',
      completedAt: '2026-01-02T03:04:00Z',
      message: 'the record was written anew by ada, with accepted loss: a burnt',
    });
    expect(lossy.history).toMatchObject([{ epoch: 5, reason: 'Adopted' }]);
    const own = of(adoptionReason('x'.repeat(600), 'b', false), { primary: 'b' });
    expect(own.lastFailover).toMatchObject({ reason: 'Adopted', message: expect.stringContaining('by ada, with no loss: xxx') as string });
    expect(own.lastFailover).not.toHaveProperty('from');
    expect(of('b is lost').lastFailover).toBeUndefined();
    const told = new Map([['b', heard({ failovers: [report(5)] })]]);
    expect(of(adoptionReason('a burnt', 'b', true), { primary: 'a' }, told).lastFailover).toMatchObject({ reason: 'Adopted' });
    expect(of('b is waited for again', { primary: 'b', ...lossy }, told).lastFailover).toMatchObject({ reason: 'Adopted' });
  });

  const entry = { epoch: 3, completedAt: '2026-01-02T03:03:59Z', reason: 'Unreported', from: 'b', to: 'a' };
  const untold: readonly (readonly [string, Partial<PairView>, object | undefined])[] = [
    ['a change that nobody tells of is shown by the record', {}, entry],
    ['not before its story had time to come', { record: record({ changedAt: '2026-01-02T03:04:01Z' }) }, undefined],
    ['not while the leader is not reached: it may have its story', { members: new Map() }, undefined],
    ['not while the leader does not serve yet', { members: new Map([['a', heard({ member: 'a', role: 'primary' })]]) }, undefined],
    ['not of a claim', { record: record({ mode: 'Claim' }) }, undefined],
    ['not of the first epoch, in which the pair was founded', { record: record({ epoch: 1 }) }, undefined],
    ['not of an epoch that was told', { pair: aStoredPair({ status: { history: [{ epoch: 3, completedAt: 'x' }] } }) }, { epoch: 3 }],
  ];
  for (const [behaviour, change, expected] of untold) {
    test(behaviour, () => {
      const { history } = decideFailovers(aPairView({ record: record(), members: serving, ...change }), nowMs);
      if (expected === undefined) expect(history).toBeUndefined();
      else expect(history).toMatchObject([expected]);
    });
  }

  test('a story that comes after all takes the place of the missing one', () => {
    const first = decideFailovers(aPairView({ record: record(), members: serving }), nowMs);
    const late = new Map([['a', heard({ member: 'a', serving: true, failovers: [report(3, { from: 'b', to: 'a' })] })]]);
    const second = decideFailovers(aPairView({ pair: aStoredPair({ status: first }), record: record(), members: late }), nowMs);
    expect(first.lastFailover).toMatchObject({ reason: 'Unreported' });
    expect(second.history).toMatchObject([{ epoch: 3, reason: 'ProcessDeath', writeOutageMs: 190 }]);
    expect(second.lastFailover).toMatchObject({ epoch: 3, reason: 'ProcessDeath', positionAtOpen: '0/3000178' });
  });
});

describe('what is told of it as an event', () => {
  const after = (...reports: readonly FailoverReport[]): FailoverPairStatus =>
    decideFailovers(aPairView({ record: undefined, members: new Map([['b', heard({ failovers: reports })]]) }), nowMs);

  const kinds: readonly (readonly [string, Partial<FailoverReport>, readonly number[], string])[] = [
    ['a failure is a warning', {}, [], 'Warning FailedOver'],
    ['a silence too', { reason: 'silence' }, [], 'Warning FailedOver'],
    ['a switchover was asked for', { reason: 'switchover' }, [], 'Normal SwitchedOver'],
    ['so was the death of a drill', {}, [4], 'Normal DrillTakenOver'],
    ['the drill of another epoch excuses nothing', {}, [3], 'Warning FailedOver'],
    ['a claim that was taken back', { reason: 'takeBack' }, [], 'Warning TakenBack'],
    ['also after a drill', { reason: 'takeBack' }, [4], 'Warning TakenBack'],
  ];
  for (const [behaviour, change, drills, expected] of kinds) {
    test(behaviour, () => {
      const [news] = decideFailoverNews(undefined, after(report(4, change)), new Set(drills), nowMs);
      expect(`${news?.type ?? ''} ${news?.reason ?? ''}`).toBe(expected);
    });
  }

  test('it says who suspected what and why, every phase, the measured outage and the positions', () => {
    expect(decideFailoverNews(undefined, after(report(4)), new Set(), nowMs)[0]?.note).toBe(
      'b leads in epoch 4 instead of a: ProcessDeath, the primary says that its PostgreSQL died; 190 ms without an acknowledged write; ' +
        'detect 20 ms, decide 18 ms, fence 11 ms, promote 43 ms, open 14 ms; ' +
        'acknowledged up to 0/30000F0, claimed at 0/3000100, open at 0/3000178',
    );
  });

  test('several are told in their order, each once, and none that is long past', () => {
    const long = report(3, { completedAt: '2026-01-02T02:04:00Z' });
    const status = after(report(5), report(4), long);
    const epochs = decideFailoverNews(undefined, status, new Set(), nowMs).map(({ note }) => note.slice(0, 18));
    expect(epochs).toEqual(['b leads in epoch 4', 'b leads in epoch 5']);
    expect(decideFailoverNews(status, status, new Set(), nowMs)).toEqual([]);
  });

  test('of a change without a story is told what the record shows', () => {
    const record = aStoredRecord({ epoch: 3, changedAt: '2026-01-02T03:03:59Z' });
    const members = new Map([['a', heard({ member: 'a', role: 'primary', serving: true })]]);
    const status = decideFailovers(aPairView({ record, members }), nowMs);
    expect(decideFailoverNews(undefined, status, new Set(), nowMs)).toEqual([
      {
        type: 'Warning',
        reason: 'FailedOver',
        action: 'Failover',
        note: 'a leads in epoch 3 instead of b: Unreported, the member that took over was restarted before it told its story',
      },
    ]);
  });

  test('an adoption is told as one, also in the epoch that a drill would have begun, and for a leader that stays', () => {
    const entry = { epoch: 5, reason: 'Adopted', to: 'b', completedAt: '2026-01-02T03:04:00Z' } as const;
    const message = 'the record was written anew by ada, with accepted loss: a burnt';
    const news = (from: object) => {
      const status = { history: [{ ...entry, ...from }], lastFailover: { ...entry, ...from, message } } as FailoverPairStatus;
      return decideFailoverNews(undefined, status, new Set([5]), nowMs);
    };
    expect(news({ from: 'a' })).toMatchObject([
      { type: 'Warning', reason: 'Adopted', note: `b leads in epoch 5 instead of a: Adopted, ${message}` },
    ]);
    expect(news({})).toMatchObject([{ reason: 'Adopted', note: `b leads on in epoch 5: Adopted, ${message}` }]);
  });
});
