import { describe, expect, test } from 'vitest';
import { decideDegrade, isStalled } from './decide-degrade.ts';
import { aMember, aPrimary, ago, downPostgres, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

/** Commits of the primary wait for the standby since so many milliseconds; its own disk is fine. */
const stuck = (ms: number, more: MemberWish = {}): MemberWish => ({
  peerFlushMovedMs: ago(0),
  ...more,
  canaries: { sync: { pendingSinceMs: ago(ms) }, ...more.canaries },
});

interface Row {
  readonly behaviour: string;
  readonly seen: MemberWish;
  /** A part of why it degrades, or of why it holds. */
  readonly degrades?: string;
  readonly holds?: string;
}

const rows: readonly Row[] = [
  { behaviour: 'commits pass', seen: {}, holds: 'synchronous commits pass' },
  {
    behaviour: 'commits wait and the standby is silent for 300 ms: degrade, well before the standby could claim',
    seen: stuck(300, { peerView: { heardMs: ago(300) } }),
    degrades: 'silent for 300 ms',
  },
  {
    behaviour: 'the standby silent one millisecond less',
    seen: stuck(300, { peerView: { heardMs: ago(299) } }),
    holds: 'slow, not lost',
  },
  {
    behaviour: 'commits waiting one millisecond less',
    seen: stuck(299, { peerView: { heardMs: ago(5_000) } }),
    holds: 'synchronous commits pass',
  },
  {
    behaviour: 'a silent standby that still acknowledges is not lost',
    seen: { peerView: { heardMs: ago(60_000) } },
    holds: 'synchronous commits pass',
  },
  {
    behaviour: 'commits wait and the stream is gone for 300 ms',
    seen: stuck(300, { postgres: { peerAttached: false }, peerDetachedSinceMs: ago(300) }),
    degrades: 'stream is gone for 300 ms',
  },
  {
    behaviour: 'the stream gone one millisecond less',
    seen: stuck(300, { postgres: { peerAttached: false }, peerDetachedSinceMs: ago(299) }),
    holds: 'slow, not lost',
  },
  {
    behaviour: 'the standby is heard and attached, and flushed nothing for 700 ms: degrade',
    seen: stuck(700, { peerFlushMovedMs: ago(700) }),
    degrades: 'flushed nothing for 700 ms',
  },
  { behaviour: 'flushed 699 ms ago', seen: stuck(700, { peerFlushMovedMs: ago(699) }), holds: 'slow, not lost' },
  {
    behaviour: 'an idle pair: the standby flushed nothing for an hour, a commit waits for 699 ms',
    seen: stuck(699, { peerFlushMovedMs: ago(3_600_000) }),
    holds: 'slow, not lost',
  },
  { behaviour: 'the standby is slow but moves, for 2 s: degrade', seen: stuck(2_000), degrades: 'behind a slow standby' },
  { behaviour: 'the standby is slow but moves, a millisecond less', seen: stuck(1_999), holds: 'slow, not lost' },
  {
    behaviour: 'the own disk hangs too: alone it would be no better',
    seen: stuck(5_000, { peerView: { heardMs: ago(5_000) }, canaries: { local: { okMs: ago(300) } } }),
    holds: 'the own disk does not answer',
  },
  {
    behaviour: 'the own disk answered a millisecond before the limit',
    seen: stuck(5_000, { peerView: { heardMs: ago(5_000) }, canaries: { local: { okMs: ago(299) } } }),
    degrades: 'silent',
  },
  {
    behaviour: 'the pair shall rather block than write one copy',
    seen: stuck(60_000, { peerView: { heardMs: ago(60_000) }, whenStandbyLost: 'block' }),
    holds: 'by choice',
  },
  {
    behaviour: 'rather block: the standby is heard and streams no more, but may find back by itself',
    seen: stuck(60_000, { peerDetachedSinceMs: ago(4_999), postgres: { peerAttached: false }, whenStandbyLost: 'block' }),
    holds: 'by choice',
  },
  {
    behaviour: 'rather block: the standby does not find back, and can be made anew only under a leader that is alone',
    seen: stuck(60_000, { peerDetachedSinceMs: ago(5_000), postgres: { peerAttached: false }, whenStandbyLost: 'block' }),
    degrades: 'made anew',
  },
  {
    behaviour: 'rather block: the standby lost its data',
    seen: stuck(300, { heartbeat: { data: 'incomplete' }, whenStandbyLost: 'block' }),
    degrades: 'copied anew',
  },
  {
    behaviour: 'a switchover writes its checkpoint, which may take a minute: the standby is lost all the same',
    seen: stuck(5_000, { peerView: { heardMs: ago(5_000) }, handover: { id: '1', stage: 'checkpointing', sinceMs: ago(10) } }),
    degrades: 'silent',
  },
  {
    behaviour: 'a switchover is under way: the standby must be able to claim',
    seen: stuck(5_000, { peerView: { heardMs: ago(5_000) }, handover: { id: '1', stage: 'stopping', sinceMs: ago(10) } }),
    holds: 'a switchover is under way',
  },
  {
    behaviour: 'automatic failover is paused: the primary goes on alone all the same',
    seen: stuck(300, { peerView: { heardMs: ago(300) }, paused: true }),
    degrades: 'silent',
  },
  {
    behaviour: 'SOLO already',
    seen: stuck(5_000, { record: records.solo, peerView: { heardMs: ago(5_000) } }),
    holds: 'does not say sync',
  },
  {
    behaviour: 'the own PostgreSQL is down',
    seen: stuck(5_000, { postgres: downPostgres, peerView: { heardMs: ago(5_000) } }),
    holds: 'not a running primary',
  },
];

describe('whether the synchronous primary goes on alone', () => {
  for (const { behaviour, seen, degrades, holds } of rows) {
    test(behaviour, () => {
      const verdict = decideDegrade(aPrimary(seen));
      expect(verdict.do).toBe(degrades === undefined ? 'hold' : 'degrade');
      expect(verdict.why).toContain(degrades ?? holds);
    });
  }

  test('the standby never degrades', () => {
    expect(decideDegrade(aMember(stuck(60_000, { peerView: { heardMs: ago(60_000) } }))).do).toBe('hold');
  });
});

describe('whether the own disk hangs', () => {
  const hangs = (ms: number, movedMs = ms): MemberWish => ({
    canaries: { local: { pendingSinceMs: ago(ms) } },
    flushMovedMs: ago(movedMs),
  });
  const cases: readonly (readonly [string, MemberWish, boolean])[] = [
    ['a canary stuck and the WAL still for 700 ms', hangs(700), true],
    ['a canary stuck one millisecond less', hangs(699, 5_000), false],
    ['the WAL moved one millisecond later: slow, not hanging', hangs(5_000, 699), false],
    ['no canary under way', { flushMovedMs: ago(60_000) }, false],
    ['PostgreSQL is down', { ...hangs(5_000), postgres: downPostgres }, false],
  ];
  for (const [behaviour, seen, expected] of cases) test(behaviour, () => expect(isStalled(aPrimary(seen))).toBe(expected));

  test('a standby writes no canary of its own', () => expect(isStalled(aMember(hangs(60_000)))).toBe(false));
});
