import { describe, expect, test } from 'vitest';
import { decideClaim, pathsOf } from './decide-claim.ts';
import type { MemberState } from './member-state.ts';
import { aMember, aPrimary, ago, downPostgres, records } from './testing/a-member.ts';

interface Row {
  readonly behaviour: string;
  readonly seen: MemberState;
  /** The reason of a claim, or a part of why the standby holds still. */
  readonly claims?: string;
  readonly holds?: string;
}

const bothSilent = (ms: number): Partial<Parameters<typeof aMember>[0]> => ({
  peerView: { heardMs: ago(ms) },
  canaries: { remote: { okMs: ago(ms), last: 'failed' } },
});
const allRefused = { link: 'refused', heardMs: ago(40) } as const;
const stalled = (ms: number): Partial<Parameters<typeof aMember>[0]> => ({
  heartbeat: { localCanaryAgeMs: ms },
  peerView: { flushMovedMs: ago(ms) },
  canaries: { remote: { okMs: ago(ms), last: 'failed' } },
});

const rows: readonly Row[] = [
  { behaviour: 'a primary that is well keeps its lead', seen: aMember(), holds: 'the primary is well' },
  {
    behaviour: "the primary's agent says that its PostgreSQL died: claim at once",
    seen: aMember({ heartbeat: { postgres: 'dead' } }),
    claims: 'processDeath',
  },
  {
    behaviour: 'a standby that is itself being started waits until it could be promoted',
    seen: aMember({ heartbeat: { postgres: 'dead' }, operation: { do: 'startStandby', upstream: true } }),
    holds: 'the own PostgreSQL is being started',
  },
  {
    behaviour: 'a primary with no connection free answers, so silence of its agent alone decides nothing',
    seen: aMember({ peerView: { heardMs: ago(900) }, canaries: { remote: { okMs: ago(900), answeredMs: ago(50), last: 'alive' } } }),
    holds: 'only the heartbeat is silent',
  },
  {
    behaviour: 'a primary with no connection free and a disk that hangs: the answer says nothing of the disk',
    seen: aMember({ ...stalled(700), canaries: { remote: { okMs: ago(700), answeredMs: ago(50), last: 'alive' } } }),
    claims: 'diskStall',
  },
  {
    behaviour: 'a primary with no connection free whose own canary is well keeps its lead',
    seen: aMember({
      peerView: { flushMovedMs: ago(9_000) },
      canaries: { remote: { okMs: ago(9_000), answeredMs: ago(50), last: 'alive' } },
    }),
    holds: 'the primary is well',
  },
  {
    behaviour: 'a primary that stops slowly for a switchover: claim, and blame no disk',
    seen: aMember({ ...stalled(700), heartbeat: { localCanaryAgeMs: 700, stopping: true } }),
    claims: 'switchover',
  },
  {
    behaviour: 'a primary that is still being started after the limit: claim, and blame no disk',
    seen: aMember({ ...stalled(700), heartbeat: { localCanaryAgeMs: 700, postgres: 'starting' } }),
    claims: 'processDeath',
  },
  {
    behaviour: 'a primary that is being started for less than the limit keeps its lead',
    seen: aMember({ ...stalled(699), heartbeat: { localCanaryAgeMs: 699, postgres: 'starting' } }),
    holds: 'only the remote canary is silent',
  },
  {
    behaviour: 'word of a death in an earlier epoch counts for nothing',
    seen: aMember({ heartbeat: { postgres: 'dead', record: { sequence: 1, mode: 'sync', epoch: 0, primary: 'a' } } }),
    holds: 'the primary is well',
  },
  {
    behaviour: 'word of a death that is as old as the limit counts for nothing',
    seen: aMember({ heartbeat: { postgres: 'dead' }, peerView: { heardMs: ago(600) } }),
    holds: 'only the heartbeat is silent',
  },
  {
    behaviour: 'agent, SQL and stream ended and refuse new connections: claim at once',
    seen: aMember({ peerView: allRefused, canaries: { remote: { okMs: ago(40), last: 'refused' } }, postgres: { streaming: false } }),
    claims: 'processDeath',
  },
  {
    behaviour: "the peer's agent restarted while its PostgreSQL streams: stay",
    seen: aMember({ peerView: allRefused }),
    holds: 'the primary is well',
  },
  {
    behaviour: 'agent and SQL refuse while the stream stands: stay, the server has only no room for us',
    seen: aMember({ peerView: allRefused, canaries: { remote: { okMs: ago(40), last: 'refused' } } }),
    holds: 'the primary is well',
  },
  {
    behaviour: 'the stream ended and the agent is away, SQL answers: stay',
    seen: aMember({ peerView: allRefused, postgres: { streaming: false } }),
    holds: 'the primary is well',
  },
  {
    behaviour: 'one probe refused, heartbeats go on: stay',
    seen: aMember({ canaries: { remote: { okMs: ago(100), last: 'refused' } }, postgres: { streaming: false } }),
    holds: 'the primary is well',
  },
  { behaviour: 'heartbeat and remote canary silent for 600 ms: claim', seen: aMember(bothSilent(600)), claims: 'silence' },
  { behaviour: 'one millisecond before that: stay', seen: aMember(bothSilent(599)), holds: 'the primary is well' },
  {
    behaviour: 'only the heartbeat is silent, however long: the path is lost, stay',
    seen: aMember({ peerView: { heardMs: ago(60_000) } }),
    holds: 'only the heartbeat is silent',
  },
  {
    behaviour: 'only the remote canary is silent, however long: the path is lost, stay',
    seen: aMember({ canaries: { remote: { okMs: ago(60_000), last: 'failed' } } }),
    holds: 'only the remote canary is silent',
  },
  {
    behaviour: 'the remote canary is silent for exactly its limit',
    seen: aMember({ canaries: { remote: { okMs: ago(600), last: 'failed' } } }),
    holds: 'only the remote canary is silent',
  },
  {
    behaviour: 'heartbeat silent long enough, the canary one step before its limit: stay',
    seen: aMember({ peerView: { heardMs: ago(5_000) }, canaries: { remote: { okMs: ago(599) } } }),
    holds: 'only the heartbeat is silent',
  },
  { behaviour: "the primary's disk hangs for 700 ms, as it says itself: claim", seen: aMember(stalled(700)), claims: 'diskStall' },
  { behaviour: 'one millisecond before that: stay', seen: aMember(stalled(699)), holds: 'only the remote canary is silent' },
  {
    behaviour: "the primary's disk is slow but its WAL moves: stay",
    seen: aMember({ ...stalled(5_000), peerView: { flushMovedMs: ago(100) } }),
    holds: 'only the remote canary is silent',
  },
  {
    behaviour: "the primary's own canary is fine, only ours fails: stay",
    seen: aMember({ ...stalled(5_000), heartbeat: { localCanaryAgeMs: 50 } }),
    holds: 'only the remote canary is silent',
  },
  {
    behaviour: 'the primary hands over: claim',
    seen: aMember({ heartbeat: { handingOver: true, postgres: 'stopped' } }),
    claims: 'switchover',
  },
  {
    behaviour: 'the primary hands over while automatic failover is paused: claim, a person asked for it',
    seen: aMember({ heartbeat: { handingOver: true }, paused: true }),
    claims: 'switchover',
  },
  { behaviour: 'paused, both silent: stay', seen: aMember({ ...bothSilent(60_000), paused: true }), holds: 'paused' },
  {
    behaviour: 'paused, the primary says it is dead: stay',
    seen: aMember({ heartbeat: { postgres: 'dead' }, paused: true }),
    holds: 'paused',
  },
  {
    behaviour: 'under SOLO nobody claims, whatever is seen',
    seen: aMember({ ...bothSilent(60_000), record: records.solo }),
    holds: 'the record does not let',
  },
  {
    behaviour: 'the own claim stands already',
    seen: aMember({ ...bothSilent(60_000), record: records.claimed }),
    holds: 'the record does not let',
  },
  { behaviour: 'the primary itself never claims', seen: aPrimary(bothSilent(60_000)), holds: 'the record does not let' },
  {
    behaviour: 'a standby without the proof of completeness never claims',
    seen: aMember({ ...bothSilent(60_000), postgres: { data: 'incomplete' } }),
    holds: 'no proof of completeness',
  },
  {
    behaviour: 'a standby that is down never claims',
    seen: aMember({ ...bothSilent(60_000), postgres: downPostgres }),
    holds: 'not a running standby',
  },
];

describe('whether the standby claims', () => {
  for (const { behaviour, seen, claims, holds } of rows) {
    test(behaviour, () => {
      const verdict = decideClaim(seen);
      if (claims === undefined) expect(verdict).toMatchObject({ do: 'hold', why: expect.stringContaining(holds ?? '') as string });
      else expect(verdict).toMatchObject({ do: 'claim', reason: claims });
    });
  }

  test('the last good moment is the newest sign of life, because from then on clients may have waited', () => {
    const seen = aMember({ peerView: { heardMs: ago(900) }, canaries: { remote: { okMs: ago(650), last: 'failed' } } });
    expect(decideClaim(seen)).toMatchObject({ do: 'claim', lastGoodMs: ago(650) });
  });
});

describe('which paths to the peer work', () => {
  const cases = [
    ['both', aMember(), { heartbeat: true, sql: true }],
    ['no heartbeat', aMember({ peerView: { heardMs: ago(600) } }), { heartbeat: false, sql: true }],
    ['an ended connection', aMember({ peerView: { link: 'ended' } }), { heartbeat: false, sql: true }],
    ['no SQL', aMember({ canaries: { remote: { okMs: ago(600) } } }), { heartbeat: true, sql: false }],
  ] as const;
  for (const [behaviour, seen, expected] of cases) test(behaviour, () => expect(pathsOf(seen)).toEqual(expected));
});
