import { describe, expect, test } from 'vitest';
import { decideOperation, isClaimStuck, mustAbort } from './decide-operation.ts';
import { leadership } from './member-state.ts';
import type { MemberState } from './member-state.ts';
import { aMember, aPrimary, ago, downPostgres, now, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const { created, founded, solo, sync, claimed, opened } = records;
const down = { postgres: downPostgres } as const;
/** Down, and without the proof of completeness. */
const downIncomplete = { postgres: { ...downPostgres, data: 'incomplete' } } as const;
const empty = { postgres: { ...downPostgres, data: 'empty', systemIdentifier: undefined } } as const;
const asPrimary = { role: 'primary', upstream: false, streaming: false } as const;

interface Row {
  readonly behaviour: string;
  readonly seen: MemberState;
  /** The operation that begins. */
  readonly runs?: object;
  /** A part of what is waited for. */
  readonly waits?: string;
}

const leading: readonly Row[] = [
  { behaviour: 'the founder of an empty pair initialises', seen: aPrimary({ record: founded, ...empty }), runs: { do: 'initialise' } },
  {
    behaviour: 'a half-made first start goes on where it stopped',
    seen: aPrimary({ record: founded, ...downIncomplete }),
    runs: { do: 'initialise' },
  },
  {
    behaviour: 'the data is named before anything else',
    seen: aPrimary({ record: founded, postgres: { names: 'none' } }),
    waits: 'being named in the record',
  },
  { behaviour: 'SOLO(me), down: start alone', seen: aPrimary({ record: solo, ...down }), runs: { do: 'startPrimary', names: 'none' } },
  {
    behaviour: 'SOLO(me), down and without proof: a person must decide',
    seen: aPrimary({ record: solo, ...downIncomplete }),
    waits: 'a person must decide',
  },
  {
    behaviour: 'SOLO(me) found by a standby: it becomes primary',
    seen: aMember({ record: opened, postgres: { role: 'standby', names: 'gate', upstream: true } }),
    runs: { do: 'becomePrimary', names: 'none' },
  },
  {
    behaviour: 'SOLO(me), a server was found that has not answered: it may lead already',
    seen: aPrimary({ record: solo, postgres: { role: 'standby', names: 'unknown' } }),
    waits: 'PostgreSQL has not answered yet',
  },
  {
    behaviour: 'SYNC(me), a server was found that has not answered: it may lead already',
    seen: aPrimary({ postgres: { role: 'standby', names: 'unknown' } }),
    waits: 'PostgreSQL has not answered yet',
  },
  {
    behaviour: 'SOLO(me) while commits wait for a peer that is gone: nobody is waited for',
    seen: aPrimary({ record: solo, postgres: { peerAttached: false } }),
    runs: { do: 'setNames', names: 'none' },
  },
  { behaviour: 'SOLO(me), the standby streams and is heard: admit', seen: soloWith({}), runs: { do: 'admit' } },
  {
    behaviour: 'its stream is gone: nobody to admit',
    seen: soloWith({ postgres: { names: 'none', peerAttached: false } }),
    waits: 'no standby streams',
  },
  { behaviour: 'its agent was not heard for 300 ms', seen: soloWith({ peerView: { heardMs: ago(300) } }), waits: 'no standby streams' },
  { behaviour: 'its agent was heard a millisecond later', seen: soloWith({ peerView: { heardMs: ago(299) } }), runs: { do: 'admit' } },
  {
    behaviour: 'it asks for an older timeline: its flush position says nothing about ours',
    seen: soloWith({ heartbeat: { timeline: 2 } }),
    waits: 'no standby streams',
  },
  { behaviour: 'its data has no proof yet', seen: soloWith({ heartbeat: { data: 'incomplete' } }), waits: 'no standby streams' },
  {
    behaviour: 'admitted: wait for the record, change nothing',
    seen: aPrimary({ record: solo, admitted: true }),
    waits: 'the admission is being recorded',
  },
  {
    behaviour: 'admitted, but its standby fell silent before that was recorded: nobody is waited for',
    seen: aPrimary({ record: solo, admitted: true, peerView: { heardMs: ago(300) } }),
    runs: { do: 'setNames', names: 'none' },
  },
  {
    behaviour: 'SYNC(me→peer), down: start behind the peer',
    seen: aPrimary(down),
    runs: { do: 'startPrimary', names: 'peer' },
  },
  {
    behaviour: 'SYNC(me→peer), down, the agent just begun: what has the standby?',
    seen: aPrimary({ ...down, startedMs: ago(599) }),
    waits: 'listening for what the standby has of the log',
  },
  {
    behaviour: 'SYNC(me→peer), down, the agent just begun, and the standby has spoken: start with no less',
    seen: aPrimary({ ...down, startedMs: ago(599), peerView: { replayedInSync: 5_001n } }),
    runs: { do: 'startPrimary', names: 'peer', atLeast: 5_001n },
  },
  {
    behaviour: 'SYNC(me→peer), down, the standby is being started: it may have more',
    seen: aPrimary({ ...down, heartbeat: { postgres: 'starting' } }),
    waits: 'the standby is being started',
  },
  {
    behaviour: 'SYNC(me→peer), the log was found cut short: the server is ended, and the other one must lead',
    seen: aPrimary({ logSuspicion: { lsn: 5_001n, looks: 3 } }),
    runs: { do: 'kill' },
  },
  {
    behaviour: 'SYNC(me→peer), the log was found cut short, down: it is not started again',
    seen: aPrimary({ ...down, logSuspicion: { lsn: 5_001n, looks: 3 } }),
    waits: 'the other one must lead',
  },
  {
    behaviour: 'CLAIM(peer), the log was found cut short: nothing is taken back',
    seen: aPrimary({ ...down, record: claimed, claimSeenMs: ago(60_000), logSuspicion: { lsn: 5_001n, looks: 3 } }),
    waits: 'the other one must lead',
  },
  {
    behaviour: 'PostgreSQL died 999 ms ago: the standby may claim first',
    seen: aPrimary({ ...down, diedMs: ago(999) }),
    waits: 'the standby may claim first',
  },
  {
    behaviour: 'PostgreSQL died 1,000 ms ago and nobody claimed: start again',
    seen: aPrimary({ ...down, diedMs: ago(1_000) }),
    runs: { do: 'startPrimary', names: 'peer' },
  },
  { behaviour: 'SYNC(me→peer) without proof: the standby will claim', seen: aPrimary(downIncomplete), waits: 'the standby will claim' },
  {
    behaviour: 'SYNC(me→peer) and nobody is waited for: close that at once',
    seen: aPrimary({ postgres: { names: 'none' } }),
    runs: { do: 'setNames', names: 'peer' },
  },
  { behaviour: 'SYNC(me→peer) and all is well', seen: aPrimary(), waits: 'commits wait for the peer' },
];

function soloWith(wish: MemberWish): MemberState {
  return aPrimary({ record: solo, ...wish, postgres: { names: 'none', ...wish.postgres } });
}

/** Attached to nobody since so long, with a primary that runs. */
const lost = (ms: number, more: MemberWish = {}): MemberWish => ({
  record: solo,
  detachedSinceMs: ago(ms),
  ...more,
  postgres: { streaming: false, ...more.postgres },
});

const following: readonly Row[] = [
  { behaviour: 'NEW: nobody starts anything', seen: aMember({ record: created, ...empty }), waits: 'hold no data' },
  { behaviour: 'SYNC(peer→me), down: start as its standby', seen: aMember(down), runs: { do: 'startStandby', upstream: true } },
  { behaviour: 'SYNC(peer→me) without upstream: follow', seen: aMember({ postgres: { upstream: false } }), runs: { do: 'follow' } },
  { behaviour: 'SYNC(peer→me) and incomplete: nothing is deleted', seen: aMember(downIncomplete), waits: 'own data incomplete' },
  { behaviour: 'SYNC(peer→me) and streaming', seen: aMember(), waits: 'streaming' },
  {
    behaviour: 'SYNC(peer→me) without a stream, however long: nothing is deleted',
    seen: aMember({ postgres: { streaming: false }, detachedSinceMs: ago(600_000) }),
    waits: 'waiting for the stream',
  },
  { behaviour: 'SOLO(peer), streaming and complete', seen: aMember({ record: solo }), waits: 'waiting to be admitted' },
  {
    behaviour: 'SOLO(peer), a copy that streams and is consistent: prove it',
    seen: aMember({ record: solo, postgres: { data: 'incomplete' } }),
    runs: { do: 'prove' },
  },
  {
    behaviour: 'a copy that is not consistent yet is not proven',
    seen: aMember({ record: solo, postgres: { data: 'incomplete', consistent: false } }),
    waits: 'a consistent point',
  },
  { behaviour: 'SOLO(peer), detached for 4,999 ms', seen: aMember(lost(4_999)), waits: 'waiting for the stream' },
  { behaviour: 'SOLO(peer), detached for 5 s: rejoin', seen: aMember(lost(5_000)), runs: { do: 'rejoin' } },
  {
    behaviour: 'SOLO(peer), not consistent, and replaying one file of its log for less than a minute: it is left to itself',
    seen: aMember(lost(59_999, { postgres: { consistent: false } })),
    waits: 'a consistent point',
  },
  {
    behaviour: 'SOLO(peer), the same for longer: rejoin',
    seen: aMember(lost(60_000, { postgres: { consistent: false } })),
    runs: { do: 'rejoin' },
  },
  { behaviour: 'SOLO(peer), down: rejoin', seen: aMember({ record: solo, ...down }), runs: { do: 'rejoin' } },
  { behaviour: 'SOLO(peer), empty: rejoin', seen: aMember({ record: solo, ...empty }), runs: { do: 'rejoin' } },
  {
    behaviour: 'its primary is still being made: wait, there is nothing to copy',
    seen: aMember({ record: solo, ...empty, heartbeat: { postgres: 'starting' } }),
    waits: 'waiting for the primary',
  },
  {
    behaviour: 'its primary is silent: own data stays as it is',
    seen: aMember({ record: solo, ...down, peerView: { heardMs: ago(600) } }),
    waits: 'waiting for the primary',
  },
  {
    behaviour: 'its primary runs as a standby still',
    seen: aMember({ record: solo, ...down, heartbeat: { role: 'standby' } }),
    waits: 'waiting for the primary',
  },
];

const claiming: readonly Row[] = [
  {
    behaviour: 'CLAIM(me): fence',
    seen: aMember({ record: claimed, postgres: { role: 'standby', names: 'gate', upstream: true } }),
    runs: { do: 'fence' },
  },
  {
    behaviour: 'CLAIM(me), fenced: promote',
    seen: aMember({ record: claimed, postgres: { role: 'standby', names: 'gate', upstream: false } }),
    runs: { do: 'promote' },
  },
  {
    behaviour: 'CLAIM(me), told to stream from nobody while a receiver still lives: fence',
    seen: aMember({ record: claimed, postgres: { role: 'standby', names: 'gate', upstream: false, streaming: true } }),
    runs: { do: 'fence' },
  },
  {
    behaviour: 'CLAIM(me), down: start attached to nobody',
    seen: aMember({ record: claimed, ...down }),
    runs: { do: 'startStandby', upstream: false },
  },
  { behaviour: 'CLAIM(me), incomplete', seen: aMember({ record: claimed, ...downIncomplete }), waits: 'no proof of completeness' },
  {
    behaviour: 'CLAIM(me), promoted with an open gate: close it',
    seen: aMember({ record: claimed }),
    runs: { do: 'setNames', names: 'gate' },
  },
  {
    behaviour: 'CLAIM(me), promoted behind the gate',
    seen: aMember({ record: claimed, postgres: { names: 'gate' } }),
    waits: 'the claim is being opened',
  },
];

const stuckClaim = (ms: number): MemberWish => ({
  record: claimed,
  claimSeenMs: ago(ms),
  peerView: { heardMs: ago(ms), replayMovedMs: ago(ms) },
});
const deposed: readonly Row[] = [
  {
    behaviour: 'CLAIM(peer) while I run as primary: kill, before anything else',
    seen: aPrimary({ record: claimed, postgres: { ...asPrimary, names: 'peer' } }),
    runs: { do: 'kill' },
  },
  {
    behaviour: 'SOLO(peer) while I run as primary: kill',
    seen: aPrimary({ record: opened, postgres: { ...asPrimary, names: 'peer' } }),
    runs: { do: 'kill' },
  },
  {
    behaviour: 'deposed with an unsettled request: kill all the same',
    seen: aPrimary({ record: claimed, postgres: { ...asPrimary, names: 'peer' }, arbiter: { settled: false } }),
    runs: { do: 'kill' },
  },
  {
    behaviour: 'CLAIM(peer), a standby with an upstream: attach to nobody',
    seen: aPrimary({ record: claimed, postgres: { upstream: true } }),
    runs: { do: 'fence' },
  },
  { behaviour: 'CLAIM(peer), down: wait', seen: aPrimary({ record: claimed, ...down, claimSeenMs: now }), waits: 'the claim to be opened' },
  {
    behaviour: 'CLAIM(peer) not heard for 4,999 ms: wait',
    seen: aPrimary({ ...stuckClaim(4_999), ...down }),
    waits: 'the claim to be opened',
  },
  {
    behaviour: 'CLAIM(peer) not heard for 5 s: start behind the gate, to take it back',
    seen: aPrimary({ ...stuckClaim(5_000), ...down }),
    runs: { do: 'startPrimary', names: 'gate' },
  },
  {
    behaviour: 'CLAIM(peer) stuck, own data incomplete: a member that cannot lead never takes back',
    seen: aPrimary({ ...stuckClaim(60_000), ...downIncomplete }),
    waits: 'the claim to be opened',
  },
  {
    behaviour: 'behind the gate: the record is changed next',
    seen: aPrimary({ record: claimed, postgres: { ...asPrimary, process: 'running', names: 'gate' } }),
    waits: 'being taken back',
  },
];

const held: readonly Row[] = [
  { behaviour: 'before the first read nothing happens', seen: aMember({ record: undefined }), waits: 'not known yet' },
  {
    behaviour: 'a frozen record freezes roles',
    seen: aMember({ ...down, arbiter: { frozen: 'the record is missing' } }),
    waits: 'frozen: the record is missing',
  },
  {
    behaviour: 'a frozen member that runs as primary against the record is left alone too',
    seen: aPrimary({ record: claimed, postgres: asPrimary, arbiter: { frozen: 'it went back' } }),
    waits: 'frozen',
  },
  {
    behaviour: 'an unsettled member starts nothing',
    seen: aPrimary({ ...down, arbiter: { settled: false } }),
    waits: 'may still be carried out',
  },
  {
    behaviour: 'an unsettled member opens no gate',
    seen: aPrimary({ record: solo, arbiter: { settled: false } }),
    waits: 'may still be carried out',
  },
  {
    behaviour: 'a change on its way: nothing is loosened before its answer',
    seen: aPrimary({ record: solo, arbiter: { request: { id: 1, kind: 'swap', next: undefined, sentMs: now } } }),
    waits: 'may still be carried out',
  },
  { behaviour: 'one operation at a time', seen: aMember({ ...down, operation: { do: 'fence' } }), waits: 'under way' },
  {
    behaviour: 'a failed operation is not repeated at once',
    seen: aMember({ ...down, operationRetryAtMs: now + 1 }),
    waits: 'before the next attempt',
  },
  {
    behaviour: 'data of another pair is never started',
    seen: aMember({ postgres: { ...downPostgres, systemIdentifier: '8' } }),
    waits: 'belongs to another pair: system identifier 8, recorded 7',
  },
];

const chapters = {
  'of a member that leads': leading,
  'of a member that follows': following,
  'of a claimant': claiming,
  'of a deposed member': deposed,
  'held back': held,
};
for (const [chapter, rows] of Object.entries(chapters)) {
  describe(`the next operation ${chapter}`, () => {
    for (const { behaviour, seen, runs, waits } of rows) {
      test(behaviour, () => {
        const decision = decideOperation(seen);
        if (runs === undefined) expect(decision).toMatchObject({ do: 'none', why: expect.stringContaining(waits ?? '') as string });
        else expect(decision).toMatchObject({ do: 'run', what: runs });
      });
    }
  });
}

describe('a deposed server that stands behind no proven gate', () => {
  const seen = (wish: MemberWish): MemberState =>
    aPrimary({ record: claimed, provenBehindGate: false, ...wish, postgres: { ...asPrimary, ...wish.postgres } });

  test.each(['unknown', 'gate', 'peer', 'none'] as const)('is killed while its names are %s', (names) => {
    expect(decideOperation(seen({ postgres: { names } }))).toMatchObject({ do: 'run', what: { do: 'kill' } });
  });

  test('is let be while it is started for taking the claim back, and no longer when that was aborted', () => {
    const starting: MemberWish = { postgres: { names: 'unknown' }, operation: { do: 'startPrimary', names: 'gate' } };
    expect(decideOperation(seen(starting)).do).toBe('none');
    expect(decideOperation(seen({ ...starting, aborted: true }))).toMatchObject({ do: 'run', what: { do: 'kill' } });
    const other: MemberWish = { ...starting, operation: { do: 'startPrimary', names: 'peer' } };
    expect(decideOperation(seen(other))).toMatchObject({ do: 'run', what: { do: 'kill' } });
  });
});

describe('where writes wait for two copies by choice, a sole leader', () => {
  const blocked = (wish: MemberWish): unknown => decideOperation(aPrimary({ record: solo, whenStandbyLost: 'block', ...wish }));

  test('starts, leads and takes over behind the gate', () => {
    expect(blocked(down)).toMatchObject({ what: { do: 'startPrimary', names: 'gate' } });
    expect(blocked({ postgres: { names: 'none', peerAttached: false } })).toMatchObject({ what: { do: 'setNames', names: 'gate' } });
    expect(blocked({ postgres: { names: 'gate', peerAttached: false } })).toMatchObject({ do: 'none', why: 'no standby streams' });
  });

  test('admits the standby from there', () => {
    expect(blocked({ postgres: { names: 'gate' } })).toMatchObject({ what: { do: 'admit' } });
  });
});

describe('a checkpoint whose switchover is over', () => {
  test('is aborted, so that the way is free for what is needed now', () => {
    const writing = aPrimary({ operation: { do: 'checkpoint' } });
    expect(mustAbort(writing, leadership(sync))).toBe(true);
    expect(mustAbort({ ...writing, handover: { id: 'x', stage: 'checkpointing', sinceMs: now } }, leadership(sync))).toBe(false);
  });
});

describe('before own data is destroyed', () => {
  const rejoins = (settledAgoMs: number, wish: MemberWish = {}): string =>
    decideOperation(aMember({ record: solo, ...down, arbiter: { settledMs: ago(settledAgoMs) }, ...wish })).do;

  test('the record is settled, if that is longer ago than a second', () => {
    expect(rejoins(1_000)).toBe('run');
    expect(rejoins(1_001)).toBe('settleFirst');
  });

  test('time asleep makes a settlement old too: others moved on meanwhile', () => {
    expect(rejoins(30_000, { sleptMs: 29_980, operationRetryAtMs: 0, peerView: { heardMs: ago(29_980) } })).toBe('settleFirst');
  });
});

describe('a claim that gets nowhere', () => {
  const cases: readonly (readonly [string, MemberWish, boolean])[] = [
    ['no claim was seen', { claimSeenMs: undefined }, false],
    ['the claimant is heard and replays', { claimSeenMs: ago(60_000), peerView: { heardMs: now, replayMovedMs: now } }, false],
    [
      'it is heard, its replay stands still for 5 s',
      { claimSeenMs: ago(60_000), peerView: { heardMs: now, replayMovedMs: ago(5_000) } },
      true,
    ],
    ['it is silent for 5 s', { claimSeenMs: ago(60_000), peerView: { heardMs: ago(5_000), replayMovedMs: now } }, true],
    ['a millisecond less', { claimSeenMs: ago(60_000), peerView: { heardMs: now, replayMovedMs: ago(4_999) } }, false],
    [
      'it was silent long before it claimed',
      { claimSeenMs: ago(10), peerView: { heardMs: ago(60_000), replayMovedMs: ago(60_000) } },
      false,
    ],
  ];
  for (const [behaviour, seen, expected] of cases)
    test(behaviour, () => expect(isClaimStuck(aPrimary({ record: claimed, ...seen }))).toBe(expected));
});

describe('an operation under way is aborted', () => {
  const under = leadership(sync);
  const cases: readonly (readonly [string, MemberState, string, boolean])[] = [
    ['when the record it rests on changed', aMember({ operation: { do: 'follow' } }), 'claim b 2', true],
    ['not while the record stands', aMember({ operation: { do: 'follow' } }), under, false],
    ['nothing is under way', aMember(), 'claim b 2', false],
    ['not a second time', aMember({ operation: { do: 'follow' }, aborted: true }), 'claim b 2', false],
    ['never a kill', aPrimary({ operation: { do: 'kill' } }), 'claim b 2', false],
    ['an admission whose standby detached', aPrimary({ operation: { do: 'admit' }, postgres: { peerAttached: false } }), under, true],
    ['an admission whose standby fell silent', aPrimary({ operation: { do: 'admit' }, peerView: { heardMs: ago(300) } }), under, true],
    ['not an admission that is well', aPrimary({ operation: { do: 'admit' } }), under, false],
  ];
  for (const [behaviour, seen, nowUnder, expected] of cases) test(behaviour, () => expect(mustAbort(seen, nowUnder)).toBe(expected));
});
