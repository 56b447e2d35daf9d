import { describe, expect, test } from 'vitest';
import type { ArbiterAnswer, MemberEffect, MemberEvent } from './events.ts';
import { awakeMs } from './member-state.ts';
import type { MemberState } from './member-state.ts';
import { claim, degrade, open, settled } from './pair-record.ts';
import type { PairRecord } from './pair-record.ts';
import { failoverBlockedBy, heartbeatOf, outputsOf } from './outputs.ts';
import { gapToleratedMs, step, tickMs } from './step.ts';
import { aMember, aPrimary, ago, downPostgres, now, records, wellPrimary, wellStandby } from './testing/a-member.ts';

/**
 * Lets a member live: ticks as the shell gives them, and what `says` adds at a time. The arbiter answers each read with the record that is
 * known; it answers nothing else. Gives the effects in order.
 */
function live(
  state: MemberState,
  ms: number,
  says: (at: number) => readonly MemberEvent[] = () => [],
): { state: MemberState; effects: MemberEffect[] } {
  const effects: MemberEffect[] = [];
  let next = state;
  const from = state.lastEventMs;
  for (let at = from + tickMs; at <= from + ms; at += tickMs) {
    for (const event of [...says(at - from), { on: 'tick' } as const]) {
      const after = step(next, event, at);
      effects.push(...after.effects);
      next = after.effects.reduce((state_, effect) => answered(state_, effect, at), after.state);
    }
  }
  return { state: next, effects };
}

function answered(state: MemberState, effect: MemberEffect, at: number): MemberState {
  const { seen } = state.arbiter;
  if (effect.do !== 'read' || seen === undefined) return state;
  return step(state, { on: 'arbiterAnswered', id: effect.id, answer: { kind: 'current', seen } }, at).state;
}

const swaps = (effects: readonly MemberEffect[]): readonly string[] =>
  effects.flatMap((each) => (each.do === 'swap' && !each.settles ? [each.next.mode] : []));
const current = (record: PairRecord, version = '101'): ArbiterAnswer => ({ kind: 'current', seen: { record, version } });
const won = (record: PairRecord, version = '101'): ArbiterAnswer => ({ kind: 'won', seen: { record, version } });

describe('what was proven of PostgreSQL', () => {
  test('is no proof any more once another operation has begun', () => {
    const wish = { record: records.solo, admitted: true, peerView: { link: 'ended' } } as const;
    const before = { ...aPrimary(wish), provenBehindGate: true };
    const { state, effects } = step(before, { on: 'tick' }, now + 10);
    expect(effects).toMatchObject([{ do: 'operate', what: { do: 'setNames', names: 'none' } }]);
    expect(state).toMatchObject({ admitted: false, provenBehindGate: false, recoveryShared: true });
    // The operation fails and nobody sees the server: it may be in force or come into force later, so nothing is recorded.
    const id = state.operation?.id ?? 0;
    const failed = step(
      state,
      { on: 'operationEnded', id, outcome: { ok: false, why: 'the line broke' }, postgres: before.postgres },
      now + 20,
    );
    expect(swaps(live(failed.state, 60).effects)).toEqual([]);
  });

  test.each([
    ['at once', 100, 200],
    ['when the receiver has waited for two seconds for a source that is not there yet', 2_000, 2_160],
  ])('a stream that comes up and ends again and again, %s, is none: the standby is inspected and made anew', (_, upMs, everyMs) => {
    const flapping = { ...wellStandby, upstream: true };
    const primary = heartbeatOf(aPrimary({ record: records.solo, postgres: { names: 'none' } }));
    const { effects } = live(aMember({ record: records.solo }), 10_000, (at) => [
      ...(at % 100 === 0 ? ([{ on: 'heartbeat', heartbeat: primary }] as const) : []),
      { on: 'postgresSeen', postgres: { ...flapping, streaming: at % everyMs < upMs } },
    ]);
    // What lies here may have to be rewound or replaced, so the record is settled first.
    expect(effects.filter((each) => each.do === 'operate' || (each.do === 'swap' && each.settles))[0]).toMatchObject({ do: 'swap' });
  });

  test('a standby that replays what lies here is not taken for one that finds no stream, however long it takes', () => {
    const lasting = (moves: boolean): readonly string[] => {
      const standby = { ...wellStandby, streaming: false };
      const primary = heartbeatOf(aPrimary({ record: records.solo, postgres: { names: 'none' } }));
      const { effects } = live(aMember({ record: records.solo, postgres: standby }), 60_000, (at) => [
        ...(at % 100 === 0 ? ([{ on: 'heartbeat', heartbeat: primary }] as const) : []),
        { on: 'postgresSeen', postgres: { ...standby, replay: moves ? 5_000n + BigInt(at) : 5_000n, flush: 100_000n } },
      ]);
      return effects.flatMap((each) => (each.do === 'swap' && each.settles ? ['settles'] : each.do === 'operate' ? [each.what.do] : []));
    };
    expect(lasting(true)).toEqual([]);
    expect(lasting(false)).toContain('settles');
  });

  test('a standby that blinks shuts no reader out; a start of the own server does until the standby has everything again', () => {
    const gone = { ...wellPrimary, peerAttached: false, peerFlush: 0n };
    const blinked = step(aPrimary(), { on: 'postgresSeen', postgres: gone }, now + 10).state;
    expect(outputsOf(blinked).access.to).toBe('open');
    const died = step(blinked, { on: 'postgresDied', postgres: { ...wellPrimary, ...downPostgres } }, now + 20).state;
    const back = step(died, { on: 'postgresSeen', postgres: gone }, now + 30).state;
    expect(outputsOf(back).access.to).toBe('closed');
    expect(outputsOf(step(back, { on: 'postgresSeen', postgres: wellPrimary }, now + 40).state).access.to).toBe('open');
  });
});

describe('time', () => {
  test('a primary that falls silent is claimed from after 600 ms, not before', () => {
    expect(swaps(live(aMember(), 580).effects)).toEqual([]);
    expect(swaps(live(aMember(), 620).effects)).toEqual(['claim']);
  });

  test('a process that was stopped for 30 s blames itself: no verdict, and none soon after while the peer is well', () => {
    const slept = step(aMember(), { on: 'tick' }, now + 30_000);
    expect(slept.effects.filter(({ do: what }) => what === 'swap')).toEqual([]);
    expect(awakeMs(slept.state) - now).toBe(tickMs);
    const peer = heartbeatOf(aPrimary());
    const after = live(slept.state, 5_000, (at) =>
      at % 100 === 0
        ? [
            { on: 'heartbeat', heartbeat: peer },
            { on: 'canary', which: 'remote', result: 'ok' },
          ]
        : [],
    );
    expect(swaps(after.effects)).toEqual([]);
  });

  test('a process that was stopped finds a dead peer in the usual time, counted from when it woke', () => {
    const slept = step(aMember(), { on: 'tick' }, now + 30_000);
    expect(swaps(live(slept.state, 540).effects)).toEqual([]);
    expect(swaps(live(slept.state, 620).effects)).toEqual(['claim']);
  });

  test('a stopped primary does not degrade for what it missed', () => {
    const waiting = aPrimary({ canaries: { sync: { pendingSinceMs: ago(10) } } });
    expect(swaps(step(waiting, { on: 'tick' }, now + 30_000).effects)).toEqual([]);
  });

  test('gaps up to the tolerated one are waking time: slow scheduling does not make a member blind', () => {
    const tolerated = step(aMember(), { on: 'tick' }, now + gapToleratedMs);
    expect(awakeMs(tolerated.state)).toBe(now + gapToleratedMs);
    const slept = step(aMember(), { on: 'tick' }, now + gapToleratedMs + 1);
    expect(awakeMs(slept.state)).toBe(now + tickMs);
  });

  test('a clock that stands still or is asked out of order moves nothing back', () => {
    expect(awakeMs(step(aMember(), { on: 'tick' }, now - 5_000).state)).toBe(now);
  });
});

describe('answers of the arbiter', () => {
  const asking = (): { state: MemberState; id: number; next: PairRecord } => {
    const { state } = live(aMember(), 620);
    const { request } = state.arbiter;
    return { state, id: request?.id ?? 0, next: request?.next ?? records.sync };
  };
  const answer = (state: MemberState, id: number, given: ArbiterAnswer): MemberState =>
    step(state, { on: 'arbiterAnswered', id, answer: given }, state.lastEventMs + 5).state;

  test('a claim that was won begins the story of the take-over and the fencing', () => {
    const { state, id, next } = asking();
    const after = step(state, { on: 'arbiterAnswered', id, answer: won(next) }, state.lastEventMs + 5);
    expect(after.state.takeover).toMatchObject({ reason: 'silence', epoch: 2, claimedMs: awakeMs(after.state) });
    expect(after.effects).toContainEqual(expect.objectContaining({ do: 'operate', what: { do: 'fence' } }));
  });

  test('the story keeps why it was claimed and the last sign of life, for the report', () => {
    const dead = step(
      aMember({ peerView: { heardMs: ago(40) } }),
      { on: 'heartbeat', heartbeat: { ...heartbeatOf(aPrimary()), postgres: 'dead' } },
      now + 10,
    );
    const { request } = dead.state.arbiter;
    const after = answer(dead.state, request?.id ?? 0, won(request?.next ?? records.sync));
    expect(after.takeover).toMatchObject({ reason: 'processDeath', lastGoodMs: now + 10, decidedMs: now + 10, flushAtClaim: 5_000n });
  });

  test('the story keeps what it was claimed upon, when the primary gave a sign before the answer came', () => {
    const { state, id, next } = asking();
    const heard = step(state, { on: 'heartbeat', heartbeat: heartbeatOf(aPrimary()) }, state.lastEventMs + 5).state;
    const told = answer(heard, id, won(next)).takeover;
    expect(told).toMatchObject({ reason: 'silence', lastGoodMs: state.peerView.heardMs });
  });

  test('taking a claim back is a story of its own, of the member that returns', () => {
    const back = aPrimary({ record: records.claimed, postgres: { names: 'gate', role: 'primary' }, claimSeenMs: ago(6_000) });
    const asked = step(back, { on: 'tick' }, now + 10).state;
    const next = asked.arbiter.request?.next ?? records.sync;
    expect(next).toMatchObject({ mode: 'solo', primary: 'a', epoch: 3 });
    const taken = answer(asked, asked.arbiter.request?.id ?? 0, won(next));
    expect(taken.takeover).toMatchObject({ reason: 'takeBack', epoch: 3, lastGoodMs: ago(6_000) });
  });

  test('the outage of the story is that of the canary: from the last one that the old primary acknowledged to the first one here', () => {
    const heartbeat = { ...heartbeatOf(aPrimary()), acknowledged: 4_900n };
    const alive = step(aMember({ canaries: { remote: { okMs: ago(80) } } }), { on: 'heartbeat', heartbeat }, now + 5).state;
    const dead = step(alive, { on: 'heartbeat', heartbeat: { ...heartbeat, postgres: 'dead', acknowledged: 0n } }, now + 10);
    const { request } = dead.state.arbiter;
    const claimed = answer(dead.state, request?.id ?? 0, won(request?.next ?? records.sync));
    expect(claimed.takeover).toMatchObject({ lastWriteMs: ago(80), firstWriteMs: undefined, acknowledged: 4_900n });
    const others = step(claimed, { on: 'canary', which: 'local', result: 'ok' }, now + 50).state;
    expect(others.takeover?.firstWriteMs).toBeUndefined();
    const first = step(others, { on: 'canary', which: 'sync', result: 'ok' }, now + 60).state;
    const second = step(first, { on: 'canary', which: 'sync', result: 'ok' }, now + 160).state;
    expect(second.takeover?.firstWriteMs).toBe(first.takeover?.firstWriteMs);
    expect(second.takeover?.firstWriteMs).toBeDefined();
  });

  test('an agent that finds its own claim tells the rest of the story, in the words of the record', () => {
    const reading = aMember({
      record: undefined,
      postgres: { ...wellPrimary, names: 'gate' },
      arbiter: { settled: false, request: { id: 5, kind: 'read', next: undefined, sentMs: now } },
    });
    const found = step(reading, { on: 'arbiterAnswered', id: 5, answer: current(records.claimed) }, now + 5).state;
    expect(found.takeover).toMatchObject({ reason: 'resumed', why: 'test', epoch: 2 });
    const opened = { ...found, arbiter: { ...found.arbiter, seen: { record: records.opened, version: '9' } } };
    const postgres = { ...wellPrimary, names: 'none', flush: 6_000n } as const;
    expect(step(opened, { on: 'postgresSeen', postgres }, now + 25).state.takeover).toMatchObject({
      openedMs: awakeMs(opened) + 20,
      flushAtOpen: 6_000n,
      promotedMs: awakeMs(opened) + 20,
    });
  });

  test('a degrade and an admission are no take-overs', () => {
    for (const [record, next] of [
      [records.sync, records.degraded],
      [records.solo, records.sync],
    ] as const) {
      const request = { id: 5, kind: 'swap', next, sentMs: now } as const;
      expect(answer(aPrimary({ record, arbiter: { request } }), 5, won(next)).takeover).toBeUndefined();
    }
  });

  test('a first read settles nothing: an older life may still have a request under way, so nothing starts before the settlement', () => {
    const reading = aMember({
      record: undefined,
      postgres: downPostgres,
      arbiter: { settled: false, request: { id: 5, kind: 'read', next: undefined, sentMs: now } },
    });
    const read = step(reading, { on: 'arbiterAnswered', id: 5, answer: current(records.sync) }, now + 5);
    expect(read.state.arbiter.settled).toBe(false);
    expect(read.effects.filter(({ do: what }) => what !== 'note')).toMatchObject([{ do: 'swap', settles: true }]);
  });

  test('a claim that was lost against the degrade is obeyed: nothing is fenced', () => {
    const { state, id } = asking();
    const after = step(
      state,
      { on: 'arbiterAnswered', id, answer: current(degrade(records.sync, { author: 'a', reason: 'x' })) },
      state.lastEventMs + 5,
    );
    expect(after.state.takeover).toBeUndefined();
    expect(after.effects.filter(({ do: what }) => what === 'operate')).toEqual([]);
    expect(swaps(live(after.state, 5_000).effects)).toEqual([]);
  });

  test('an unanswered claim unsettles: it is settled first, and nothing is loosened before', () => {
    const { state, id } = asking();
    const failed = answer(state, id, { kind: 'failed', carriedOut: 'maybe', why: 'no answer' });
    expect(failed.arbiter.settled).toBe(false);
    const after = live(failed, 200);
    expect(after.effects).toMatchObject([{ do: 'swap', settles: true, next: { mode: 'sync', sequence: records.sync.sequence + 1 } }]);
    const again = after.state.arbiter.request?.id ?? 0;
    const settledNow = step(
      after.state,
      { on: 'arbiterAnswered', id: again, answer: won(settled(records.sync)) },
      after.state.lastEventMs + 5,
    );
    expect(settledNow.state.arbiter.settled).toBe(true);
    expect(swaps(settledNow.effects)).toEqual(['claim']);
  });

  test('an unanswered claim that was carried out after all is found by reading: the role follows the record', () => {
    const { state, id, next } = asking();
    const failed = answer(state, id, { kind: 'failed', carriedOut: 'maybe', why: 'no answer' });
    const { state: settling } = live(failed, 200);
    const found = step(
      settling,
      { on: 'arbiterAnswered', id: settling.arbiter.request?.id ?? 0, answer: current(next) },
      settling.lastEventMs + 5,
    );
    expect(found.state.arbiter.settled).toBe(true);
    expect(found.effects).toContainEqual(expect.objectContaining({ do: 'operate', what: { do: 'fence' } }));
  });

  test('a refused connection leaves it settled and is tried again after a pause that grows to a second', () => {
    let { state, id } = asking();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      state = answer(state, id, { kind: 'failed', carriedOut: 'no', why: 'ECONNREFUSED' });
      pauses.push(state.arbiter.retryAtMs - awakeMs(state));
      expect(state.arbiter.settled).toBe(true);
      state = live(state, 1_020).state;
      id = state.arbiter.request?.id ?? 0;
    }
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
  });

  test('an answer to a request that was given up changes nothing', () => {
    const { state } = asking();
    expect(answer(state, 9_999, { kind: 'absent' }).arbiter.frozen).toBeUndefined();
  });

  const lost: readonly (readonly [string, ArbiterAnswer, string])[] = [
    ['is missing', { kind: 'absent' }, 'the record is missing'],
    ['is malformed', { kind: 'invalid', why: 'mode Broken is not known' }, 'mode Broken is not known'],
    ['goes back in sequence', current(records.solo), 'cannot become that of'],
    ['goes back in epoch', current({ ...records.sync, sequence: 99, epoch: 0 }), 'cannot become that of'],
    ['changed without a new sequence', current({ ...records.sync, mode: 'solo' }), 'cannot become that of'],
    ['names another leader in the same epoch', current({ ...records.sync, sequence: 99, primary: 'b' }), 'cannot become that of'],
  ];
  for (const [behaviour, given, why] of lost) {
    test(`a record that ${behaviour} freezes roles until a person acts`, () => {
      const { state, id } = asking();
      const frozen = answer(state, id, given);
      expect(frozen.arbiter.frozen).toContain(why);
      const { effects } = live(frozen, 10_000);
      expect(effects.filter(({ do: what }) => what === 'operate' || what === 'swap')).toEqual([]);
      expect(effects.some(({ do: what }) => what === 'read')).toBe(true);
    });
  }

  test('no record yet: a member without data waits for it; one that holds data, or has seen a record, freezes', () => {
    const vacant = { kind: 'vacant' } as const;
    const start = aMember({ record: undefined, postgres: { ...downPostgres, data: 'empty', systemIdentifier: undefined } });
    const { state: reading } = live(start, tickMs);
    const waits = answer(reading, reading.arbiter.request?.id ?? 0, vacant);
    expect(waits.arbiter).toMatchObject({ vacant: true, frozen: undefined, failures: 0 });
    expect(failoverBlockedBy(waits)).toBe('NeverLed');
    const { id, state } = asking();
    expect(answer(state, id, vacant).arbiter).toMatchObject({ vacant: false, frozen: 'the record is missing' });
    const { state: holding } = live(aMember({ record: undefined }), tickMs);
    const frozen = answer(holding, holding.arbiter.request?.id ?? 0, vacant);
    expect(frozen.arbiter).toMatchObject({ vacant: false, frozen: 'the record is missing, and this member holds data' });
    expect(live(frozen, 1_900).effects).toEqual([]);
    expect(failoverBlockedBy(frozen)).toBe('RecordLost');
  });

  test('a creation without an answer is not believed in: the arbiter is read before anything else is asked', () => {
    const empty = { ...downPostgres, data: 'empty', systemIdentifier: undefined } as const;
    const founder = aPrimary({
      record: undefined,
      arbiter: { vacant: true },
      postgres: empty,
      heartbeat: { data: 'empty', record: undefined },
    });
    const { state, effects } = step(founder, { on: 'tick' }, now + 20);
    expect(effects).toMatchObject([{ do: 'create', record: { mode: 'new', sequence: 0, author: 'a' } }]);
    const unanswered = answer(state, state.arbiter.request?.id ?? 0, { kind: 'failed', carriedOut: 'maybe', why: 'no answer in time' });
    expect(live(unanswered, 100).effects.filter(({ do: what }) => what === 'create' || what === 'read')).toMatchObject([{ do: 'read' }]);
  });

  test('a record that is there again thaws', () => {
    const { state, id } = asking();
    const { state: reading } = live(answer(state, id, { kind: 'absent' }), 2_100);
    expect(answer(reading, reading.arbiter.request?.id ?? 0, current(records.sync)).arbiter.frozen).toBeUndefined();
  });
});

describe('what was seen of the peer', () => {
  const hear = (heartbeat: object): MemberState =>
    step(aMember(), { on: 'heartbeat', heartbeat: { ...heartbeatOf(aPrimary()), ...heartbeat } }, now + 40).state;

  test('a heartbeat is news of the link; its positions count from when they moved', () => {
    const same = hear({}).peerView;
    expect(same).toMatchObject({ link: 'connected', heardMs: now + 40, flushMovedMs: now, replayMovedMs: now });
    expect(hear({ flush: 5_001n }).peerView).toMatchObject({ flushMovedMs: now + 40, replayMovedMs: now });
    expect(hear({ role: 'standby', replay: 5_001n }).peerView).toMatchObject({ flushMovedMs: now, replayMovedMs: now + 40 });
  });

  test('where the last commit stood that the leader called acknowledged only goes on, within one leadership', () => {
    const leads = (epoch: number, committed: bigint): MemberEvent => {
      const heartbeat = heartbeatOf(aPrimary());
      const record = { sequence: 9, mode: 'sync', epoch, primary: 'a' } as const;
      return { on: 'heartbeat', heartbeat: { ...heartbeat, record, committed } };
    };
    const after = (...events: readonly MemberEvent[]): bigint | undefined =>
      events.reduce((state, event) => step(state, event, now + 40).state, aMember()).peerView.committed?.lsn;
    expect(after(leads(1, 4_900n))).toBe(4_900n);
    expect(after(leads(1, 4_900n), leads(1, 4_800n))).toBe(4_900n);
    expect(after(leads(1, 4_900n), leads(2, 4_800n))).toBe(4_800n);
    expect(after(leads(2, 4_800n), leads(1, 4_900n))).toBe(4_800n);
    expect(after(leads(0, 4_900n))).toBeUndefined();
    expect(after({ on: 'heartbeat', heartbeat: { ...heartbeatOf(aPrimary()), timeline: 0, committed: 4_900n } })).toBeUndefined();
  });

  test('how far the standby had replayed is kept as long as both stand behind one synchronous record, and through its claim', () => {
    const standby = (replay: bigint, wish: Parameters<typeof aMember>[0] = {}): MemberEvent => ({
      on: 'heartbeat',
      heartbeat: { ...heartbeatOf(aMember(wish)), replay },
    });
    const heard = (state: MemberState, event: MemberEvent): bigint => step(state, event, now + 40).state.peerView.replayedInSync;
    expect(heard(aPrimary(), standby(5_001n))).toBe(5_001n);
    expect(heard(aPrimary(), standby(5_001n, { record: records.claimed }))).toBe(0n);
    expect(heard(aPrimary(), standby(5_001n, { postgres: { data: 'incomplete' } }))).toBe(0n);
    expect(heard(aPrimary({ record: records.solo }), standby(5_001n, { record: records.solo }))).toBe(0n);
    expect(heard(aPrimary({ peerView: { replayedInSync: 6_000n } }), standby(5_001n))).toBe(6_000n);
    const told = (record: PairRecord): bigint => {
      const state = aPrimary({
        peerView: { replayedInSync: 6_000n },
        arbiter: { request: { id: 7, kind: 'read', next: undefined, sentMs: now } },
      });
      return step(state, { on: 'arbiterAnswered', id: 7, answer: current(record) }, now + 40).state.peerView.replayedInSync;
    };
    expect(told(claim(records.sync, { author: 'b', reason: 'test' }))).toBe(6_000n);
    expect(told(degrade(records.sync, { author: 'a', reason: 'test' }))).toBe(0n);
  });

  test('a promoted claimant gets on by opening: that its position moves by its own probes counts for nothing', () => {
    const deposed = aPrimary({ record: records.claimed, postgres: { ...downPostgres, data: 'complete' }, claimSeenMs: now });
    const starts = (role: 'primary' | 'standby', replayAt: (at: number) => number): readonly string[] =>
      live(deposed, 6_000, (at) => {
        const heartbeat = { ...heartbeatOf(aMember({ record: records.claimed })), role, replay: BigInt(replayAt(at)) };
        return at % 100 === 0 ? [{ on: 'heartbeat', heartbeat }] : [];
      }).effects.flatMap((each) => (each.do === 'operate' && 'names' in each.what ? [`${each.what.do} ${each.what.names}`] : []));
    const grows = (at: number): number => 6_000 + at;
    expect(starts('standby', grows)).toEqual([]);
    expect(starts('primary', grows)).toEqual(['startPrimary gate']);
    // One that is started again and again is back at its last checkpoint each time.
    expect(starts('standby', (at) => 6_000 + (at % 1_000))).toEqual(['startPrimary gate']);
  });

  test('the end of the link keeps what was heard last', () => {
    const ended = step(aMember(), { on: 'peerLink', link: 'ended' }, now + 40).state.peerView;
    expect(ended).toMatchObject({ link: 'ended', heardMs: now, heartbeat: { from: 'a' } });
  });

  const probes = [
    ['a probe that starts is pending from then', ['started'], { okMs: now, pendingSinceMs: now + 20 }],
    [
      'the first of several counts while none is answered',
      ['started', 'failed', 'started'],
      { okMs: now, pendingSinceMs: now + 20, last: 'failed' },
    ],
    ['a good one ends the waiting', ['started', 'ok'], { okMs: now + 40, pendingSinceMs: undefined, last: 'ok' }],
    [
      'an answer that no connection is free ends the waiting and proves no write',
      ['started', 'alive'],
      { okMs: now, answeredMs: now + 40, pendingSinceMs: undefined, last: 'alive' },
    ],
    [
      'a refused one ends the waiting and proves nothing',
      ['started', 'refused'],
      { okMs: now, pendingSinceMs: undefined, last: 'refused' },
    ],
  ] as const;
  for (const [behaviour, results, expected] of probes) {
    test(behaviour, () => {
      let state = aMember();
      for (const [index, result] of results.entries())
        state = step(state, { on: 'canary', which: 'remote', result }, now + 20 * (index + 1)).state;
      expect(state.canaries.remote).toMatchObject(expected);
    });
  }
});

describe('the role follows the record', () => {
  test('a claim of the peer kills the primary at once and aborts what was under way', () => {
    const leading = aPrimary({
      operation: { do: 'checkpoint' },
      arbiter: { request: { id: 5, kind: 'read', next: undefined, sentMs: now } },
    });
    const { effects } = step(leading, { on: 'arbiterAnswered', id: 5, answer: current(records.claimed) }, now + 5);
    expect(effects).toContainEqual(expect.objectContaining({ do: 'abort' }));
    expect(effects).toContainEqual(expect.objectContaining({ do: 'operate', what: { do: 'kill' } }));
    expect(effects.filter(({ do: what }) => what === 'operate')).toHaveLength(1);
  });

  test('a standby that finds SOLO(me) becomes primary', () => {
    const standby = aMember({
      record: records.claimed,
      postgres: { role: 'standby', names: 'gate', upstream: false },
      arbiter: { request: { id: 5, kind: 'read', next: undefined, sentMs: now } },
    });
    const busy = { ...standby, operationRetryAtMs: now };
    const { effects } = step(busy, { on: 'arbiterAnswered', id: 5, answer: current(records.opened) }, now + 5);
    expect(effects).toContainEqual(expect.objectContaining({ do: 'operate', what: { do: 'becomePrimary', names: 'none' } }));
  });

  test('a claim that is taken back turns the claimant into a standby that rejoins', () => {
    const back = { ...claim(records.sync, { author: 'b', reason: 'x' }) };
    const taken: PairRecord = { ...open(back, { author: 'b', reason: 'x' }), primary: 'a', epoch: 3 };
    const claimant = aMember({
      record: records.claimed,
      postgres: { names: 'gate' },
      arbiter: { request: { id: 5, kind: 'read', next: undefined, sentMs: now } },
    });
    const { effects } = step(claimant, { on: 'arbiterAnswered', id: 5, answer: current(taken) }, now + 5);
    expect(effects).toContainEqual(expect.objectContaining({ do: 'operate', what: { do: 'kill' } }));
  });

  test('an admission counts only while the PostgreSQL it was proven on still waits for the peer', () => {
    const admitted = aPrimary({ record: records.solo, admitted: true, arbiter: { retryAtMs: now + 1_000 } });
    const seen = (postgres: object): boolean =>
      step(admitted, { on: 'postgresSeen', postgres: { ...wellPrimary, ...postgres } }, now + 5).state.admitted;
    expect(seen({})).toBe(true);
    expect(seen({ names: 'none' })).toBe(false);
    expect(seen(downPostgres)).toBe(false);
  });

  test('the death of PostgreSQL is told as such, except when it was stopped to hand over', () => {
    const died = { on: 'postgresDied', postgres: { ...wellPrimary, ...downPostgres } } as const;
    expect(heartbeatOf(step(aPrimary(), died, now + 5).state).postgres).toBe('dead');
    const handing = aPrimary({ handover: { id: 'x', stage: 'stopping', sinceMs: now }, operation: { do: 'handOver' } });
    expect(heartbeatOf(step(handing, died, now + 5).state).postgres).toBe('stopped');
  });

  test('pausing and resuming take effect at once', () => {
    const silent = live(aMember({ paused: true }), 1_900);
    expect(swaps(silent.effects)).toEqual([]);
    expect(swaps(step(silent.state, { on: 'paused', paused: false }, silent.state.lastEventMs + 5).effects)).toEqual(['claim']);
  });

  test('a failed operation is tried again after a pause that grows to five seconds, and the count ends with success', () => {
    let state = aMember({ postgres: downPostgres });
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      state = live(state, 6_000, () => [{ on: 'heartbeat', heartbeat: heartbeatOf(aPrimary()) }]).state;
      const id = state.operation?.id ?? 0;
      state = step(
        state,
        { on: 'operationEnded', id, outcome: { ok: false, why: 'no' }, postgres: state.postgres },
        state.lastEventMs + 5,
      ).state;
      pauses.push(state.operationRetryAtMs - awakeMs(state));
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  test('an operation that ends well and is not seen to change anything is begun again with pauses that grow, and another one starts anew', () => {
    const unseen = { ...wellStandby, upstream: false, streaming: false };
    let state = aMember({ postgres: unseen });
    const end = (): number => {
      state = live(state, 6_000, () => [{ on: 'heartbeat', heartbeat: heartbeatOf(aPrimary()) }]).state;
      expect(state.operation?.what.do).toBe('follow');
      const id = state.operation?.id ?? 0;
      state = step(state, { on: 'operationEnded', id, outcome: { ok: true }, postgres: unseen }, state.lastEventMs + 5).state;
      return state.operationRetryAtMs - awakeMs(state);
    };
    // It may go on at the next tick each time.
    const pauses = Array.from({ length: 9 }, () => {
      const pause = end();
      state = live(state, pause + tickMs, () => [{ on: 'heartbeat', heartbeat: heartbeatOf(aPrimary()) }]).state;
      return pause;
    });
    expect(pauses).toEqual([0, 0, 100, 200, 400, 800, 1_600, 3_200, 5_000]);
  });
});
