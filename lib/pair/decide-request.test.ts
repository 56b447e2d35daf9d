import { describe, expect, test } from 'vitest';
import { decideRequest } from './decide-request.ts';
import { heartbeatStanding } from './member-facts.ts';
import type { MemberState } from './member-state.ts';
import { aMember, aPrimary, ago, downPostgres, now, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const { created, founded, solo, sync, claimed, opened } = records;
const empty = { data: 'empty', systemIdentifier: undefined } as const;
const silent: MemberWish = { peerView: { heardMs: ago(600) }, canaries: { remote: { okMs: ago(600) } } };
/** The founder of a pair that was never led, hearing that the other holds no data either. */
const founder = (wish: MemberWish = {}): MemberState =>
  aPrimary({
    record: created,
    ...wish,
    postgres: { ...downPostgres, ...empty, ...wish.postgres },
    heartbeat: { data: 'empty', ...wish.heartbeat },
  });

/** The founder of a pair that has no record yet. */
const creator = (wish: MemberWish = {}): MemberState =>
  founder({ record: undefined, ...wish, arbiter: { vacant: true, ...wish.arbiter }, heartbeat: { record: undefined, ...wish.heartbeat } });

interface Row {
  readonly behaviour: string;
  readonly seen: MemberState;
  readonly asks: object;
}
const nothing = (why: string): object => ({ do: 'none', why: expect.stringContaining(why) as string });
const swap = (mode: string, primary: string, epoch: number): object => ({ do: 'swap', next: { mode, primary, epoch } });

const lane: readonly Row[] = [
  { behaviour: 'know first', seen: aMember({ record: undefined, arbiter: { settled: false } }), asks: { do: 'read' } },
  {
    behaviour: 'then settle: the same record with the next sequence, nothing else changed',
    seen: aMember({ ...silent, arbiter: { settled: false } }),
    asks: { do: 'settle', next: { ...sync, sequence: sync.sequence + 1 } },
  },
  { behaviour: 'only then change', seen: aMember(silent), asks: swap('claim', 'b', 2) },
  {
    behaviour: 'a claim names what the primary called acknowledged',
    seen: aMember({ ...silent, peerView: { ...silent.peerView, committed: { timeline: 1, lsn: 4_900n } } }),
    asks: { do: 'swap', next: { mode: 'claim', acknowledged: { timeline: 1, lsn: 4_900n } } },
  },
  {
    behaviour: 'one change at a time',
    seen: aMember({ ...silent, arbiter: { request: { id: 1, kind: 'swap', next: claimed, sentMs: now } } }),
    asks: nothing('a request is under way'),
  },
  {
    behaviour: 'a read that hangs holds no change up',
    seen: aMember({ ...silent, arbiter: { request: { id: 1, kind: 'read', next: undefined, sentMs: now } } }),
    asks: swap('claim', 'b', 2),
  },
  {
    behaviour: 'a silence that lasts half its time: asks whether it is deaf itself',
    seen: aMember({ peerView: { heardMs: ago(300) }, canaries: { remote: { okMs: ago(320) } }, arbiter: { answeredMs: ago(301) } }),
    asks: { do: 'read' },
  },
  {
    behaviour: 'a shorter silence: asks nothing',
    seen: aMember({ peerView: { heardMs: ago(299) }, canaries: { remote: { okMs: ago(320) } }, arbiter: { answeredMs: ago(301) } }),
    asks: nothing('nothing to change'),
  },
  {
    behaviour: 'no claim upon silence as long as the arbiter is silent too: its answer might never be heard',
    seen: aMember({
      ...silent,
      arbiter: { answeredMs: ago(301), request: { id: 1, kind: 'read', next: undefined, sentMs: ago(300) } },
    }),
    asks: nothing('a request is under way'),
  },
  {
    behaviour: 'a read from before the silence is asked again',
    seen: aMember({
      ...silent,
      arbiter: { answeredMs: ago(700), request: { id: 1, kind: 'read', next: undefined, sentMs: ago(301) } },
    }),
    asks: { do: 'read' },
  },
  {
    behaviour: 'a death that was seen needs no such answer',
    seen: aMember({ heartbeat: { postgres: 'dead' }, arbiter: { answeredMs: ago(700) } }),
    asks: swap('claim', 'b', 2),
  },
  {
    behaviour: 'the primary does not go on alone as long as the arbiter is silent too',
    seen: aPrimary({
      peerView: { heardMs: ago(400) },
      canaries: { sync: { pendingSinceMs: ago(400) } },
      arbiter: { answeredMs: ago(251) },
    }),
    asks: { do: 'read' },
  },
  {
    behaviour: 'it does when the arbiter has answered',
    seen: aPrimary({
      peerView: { heardMs: ago(400) },
      canaries: { sync: { pendingSinceMs: ago(400) } },
      arbiter: { answeredMs: ago(250) },
    }),
    asks: swap('solo', 'a', 1),
  },
  {
    behaviour: 'one read at a time',
    seen: aMember({ arbiter: { readMs: ago(2_000), request: { id: 1, kind: 'read', next: undefined, sentMs: now } } }),
    asks: nothing('a request is under way'),
  },
  {
    behaviour: 'not before the pause after a failure is over',
    seen: aMember({ ...silent, arbiter: { retryAtMs: now + 1 } }),
    asks: nothing('next attempt'),
  },
  {
    behaviour: 'frozen: changes nothing, whatever is seen',
    seen: aMember({ ...silent, arbiter: { frozen: 'the record is missing' } }),
    asks: nothing('until a person acts'),
  },
  {
    behaviour: 'frozen: looks again when it is time, so that a person can repair it',
    seen: aMember({ arbiter: { frozen: 'the record is missing', readMs: ago(2_000) } }),
    asks: { do: 'read' },
  },
  {
    behaviour: 'frozen without ever having read a record: no more often',
    seen: aMember({ record: undefined, arbiter: { frozen: 'the record is missing', readMs: ago(1_999) } }),
    asks: nothing('until a person acts'),
  },
  { behaviour: 'polls after two seconds', seen: aMember({ arbiter: { readMs: ago(2_000) } }), asks: { do: 'read' } },
  { behaviour: 'not a millisecond earlier', seen: aMember({ arbiter: { readMs: ago(1_999) } }), asks: nothing('nothing to change') },
  {
    behaviour: 'reads when the peer knows a newer record',
    seen: aMember({ heartbeat: { record: { sequence: sync.sequence + 1, mode: 'solo', epoch: 1, primary: 'a' } } }),
    asks: { do: 'read' },
  },
  {
    behaviour: 'settles before own data is destroyed, if that is long ago',
    seen: aMember({ record: solo, postgres: downPostgres, arbiter: { settledMs: ago(1_001) } }),
    asks: { do: 'settle', next: { sequence: solo.sequence + 1 } },
  },
];

const changes: readonly Row[] = [
  { behaviour: 'NEW: the founder starts when both hold no data', seen: founder(), asks: swap('solo', 'a', 1) },
  { behaviour: 'NEW: not while it holds data itself', seen: founder({ postgres: { data: 'incomplete' } }), asks: nothing('nothing') },
  { behaviour: 'NEW: not while the other holds data', seen: founder({ heartbeat: { data: 'complete' } }), asks: nothing('nothing') },
  { behaviour: 'NEW: not unheard', seen: founder({ peerView: { heardMs: ago(600) } }), asks: nothing('nothing') },
  {
    behaviour: 'NEW: not when the other speaks of an older record',
    seen: founder({ heartbeat: { record: undefined } }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'NEW: the other member never founds',
    seen: aMember({ record: created, postgres: { ...downPostgres, ...empty }, heartbeat: { data: 'empty' } }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'no record yet: the founder creates it when both hold no data',
    seen: creator(),
    asks: { do: 'create', next: { ...created, author: 'a' } },
  },
  {
    behaviour: 'no record yet: not while it holds data itself',
    seen: creator({ postgres: { data: 'complete' } }),
    asks: nothing('hold no data'),
  },
  {
    behaviour: 'no record yet: not while the other holds data',
    seen: creator({ heartbeat: { data: 'incomplete' } }),
    asks: nothing('hold no data'),
  },
  {
    behaviour: 'no record yet: not while the other knows of one',
    seen: creator({ heartbeat: { record: created } }),
    asks: nothing('hold no data'),
  },
  {
    behaviour: 'no record yet: not while the other misses one that it has seen',
    seen: creator({ heartbeat: { standing: { ...heartbeatStanding(aMember()), frozen: true } } }),
    asks: nothing('hold no data'),
  },
  { behaviour: 'no record yet: not unheard', seen: creator({ peerView: { heardMs: ago(600) } }), asks: nothing('hold no data') },
  { behaviour: 'no record yet: not before it was found out', seen: creator({ arbiter: { vacant: false } }), asks: { do: 'read' } },
  {
    behaviour: 'no record yet: the other member looks again, and creates none',
    seen: aMember({
      record: undefined,
      arbiter: { vacant: true, readMs: ago(2_000) },
      postgres: { ...downPostgres, ...empty },
      heartbeat: { data: 'empty', record: undefined },
    }),
    asks: { do: 'read' },
  },
  {
    behaviour: 'the founder names its data',
    seen: aPrimary({ record: founded, postgres: { names: 'none' } }),
    asks: { do: 'swap', next: { mode: 'solo', systemIdentifier: '7' } },
  },
  {
    behaviour: 'data without proof is not named',
    seen: aPrimary({ record: founded, postgres: { names: 'none', data: 'incomplete' } }),
    asks: nothing('nothing'),
  },
  { behaviour: 'an admission that was proven is recorded', seen: aPrimary({ record: solo, admitted: true }), asks: swap('sync', 'a', 1) },
  {
    behaviour: 'not while PostgreSQL is being changed again',
    seen: aPrimary({ record: solo, admitted: true, operation: { do: 'setNames', names: 'none' } }),
    asks: nothing('nothing'),
  },
  { behaviour: 'SOLO(peer) is never changed by the other', seen: aMember({ record: solo, admitted: true }), asks: nothing('nothing') },
  {
    behaviour: 'the primary degrades',
    seen: aPrimary({ peerView: { heardMs: ago(300) }, canaries: { sync: { pendingSinceMs: ago(300) } } }),
    asks: swap('solo', 'a', 1),
  },
  {
    behaviour: 'the claimant opens, promoted behind its gate',
    seen: aMember({ record: claimed, postgres: { names: 'gate' } }),
    asks: swap('solo', 'b', 2),
  },
  {
    behaviour: 'the claimant opens: its timeline begins behind what it was told of as acknowledged',
    seen: aMember({
      record: claimed,
      postgres: { role: 'primary', names: 'gate', left: [{ timeline: 1, lsn: 4_901n }] },
      peerView: { committed: { timeline: 1, lsn: 4_900n } },
    }),
    asks: swap('solo', 'b', 2),
  },
  {
    behaviour: 'not when its promotion left out what the record calls acknowledged, though its agent remembers nothing',
    seen: aMember({
      record: { ...claimed, acknowledged: { timeline: 1, lsn: 4_900n } },
      postgres: { role: 'primary', names: 'gate', left: [{ timeline: 1, lsn: 4_900n }] },
      peerView: { committed: undefined },
    }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'not when it was promoted a second time, behind the first promotion, which left that out',
    seen: aMember({
      record: { ...claimed, acknowledged: { timeline: 1, lsn: 4_900n } },
      postgres: {
        role: 'primary',
        names: 'gate',
        left: [
          { timeline: 1, lsn: 4_900n },
          { timeline: 2, lsn: 5_100n },
        ],
      },
    }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'not when its promotion left out what was acknowledged',
    seen: aMember({
      record: claimed,
      postgres: { role: 'primary', names: 'gate', left: [{ timeline: 1, lsn: 4_900n }] },
      peerView: { committed: { timeline: 1, lsn: 4_900n } },
    }),
    asks: nothing('nothing'),
  },
  { behaviour: 'not with an open gate', seen: aMember({ record: claimed, postgres: { names: 'none' } }), asks: nothing('nothing') },
  {
    behaviour: 'not before it is promoted',
    seen: aMember({ record: claimed, postgres: { role: 'standby', names: 'gate' } }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'the deposed member takes the claim back, proven behind its gate',
    seen: aPrimary({ record: claimed, postgres: { role: 'primary', names: 'gate' } }),
    asks: swap('solo', 'a', 3),
  },
  {
    behaviour: 'not when it found itself there: a server that recovers looks the same',
    seen: aPrimary({ record: claimed, postgres: { role: 'primary', names: 'gate' }, provenBehindGate: false }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'not while it still starts',
    seen: aPrimary({ record: claimed, postgres: { role: 'primary', names: 'gate' }, operation: { do: 'startPrimary', names: 'gate' } }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'not with incomplete data',
    seen: aPrimary({ record: claimed, postgres: { role: 'primary', names: 'gate', data: 'incomplete' } }),
    asks: nothing('nothing'),
  },
  {
    behaviour: 'once opened there is nothing left to ask',
    seen: aMember({ record: opened, postgres: { names: 'none' } }),
    asks: nothing('nothing'),
  },
];

for (const [chapter, rows] of [
  ['in which order', lane],
  ['which change', changes],
] as const) {
  describe(`what is asked of the arbiter: ${chapter}`, () => {
    for (const { behaviour, seen, asks } of rows) test(behaviour, () => expect(decideRequest(seen)).toMatchObject(asks));
  });
}
