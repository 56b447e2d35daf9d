import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { blockedReasons } from './explain.ts';
import type { BlockedReason } from './explain.ts';
import type { HeartbeatStanding } from './member-facts.ts';
import type { MemberState } from './member-state.ts';
import { failoverBlockedBy, heartbeatOf, leavesDoor, outputsOf, sameOutputs } from './outputs.ts';
import type { MemberOutputs } from './outputs.ts';
import { aMember, aPrimary, ago, downPostgres, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const cutOff = (ms: number): MemberWish => ({ arbiter: { failures: 1, answeredMs: ago(ms) }, peerView: { heardMs: ago(ms) } });

describe('whether clients are served', () => {
  const rows: readonly (readonly [string, MemberState, string | undefined])[] = [
    ['the synchronous primary serves', aPrimary(), undefined],
    ['a sole primary serves', aPrimary({ record: records.solo, postgres: { names: 'none' } }), undefined],
    [
      'a founder does not before the record names its data: after a lost disk any other would pass for it',
      aPrimary({ record: records.founded, postgres: { names: 'none' } }),
      'not named in the record',
    ],
    ['the standby does not', aMember(), 'the other member leads'],
    ['nobody does before the record is known', aPrimary({ record: undefined }), 'not known yet'],
    ['a primary whose PostgreSQL is down does not', aPrimary({ postgres: downPostgres }), 'not a running primary'],
    ['a leader that is still a standby does not', aPrimary({ postgres: { role: 'standby' } }), 'not a running primary'],
    ['nor one that is being started', aPrimary({ operation: { do: 'startPrimary', names: 'peer' } }), 'being started'],
    ['a claimant does not before its claim is opened', aMember({ record: records.claimed, postgres: { names: 'gate' } }), 'not opened yet'],
    ['the deposed member does not', aPrimary({ record: records.claimed }), 'the other member leads'],
    ['SOLO with a closed gate does not', aPrimary({ record: records.solo, postgres: { names: 'gate' } }), 'the gate is not opened yet'],
    [
      'readers go on while an admission closes the gate for milliseconds',
      aPrimary({ record: records.solo, postgres: { names: 'gate' }, operation: { do: 'admit' } }),
      undefined,
    ],
    [
      'and until it is recorded, when an older picture still shows the gate',
      aPrimary({ record: records.solo, postgres: { names: 'gate' }, admitted: true }),
      undefined,
    ],
    [
      'what crash recovery brought back is not shown before the standby has it',
      aPrimary({ postgres: { recovered: 9_001n, peerFlush: 9_000n } }),
      'does not have everything that recovery brought back',
    ],
    ['and is shown as soon as it has', aPrimary({ postgres: { recovered: 9_000n, peerFlush: 9_000n } }), undefined],
    [
      'a standby that comes and goes afterwards shuts nobody out',
      aPrimary({ recoveryShared: true, postgres: { recovered: 9_000n, peerFlush: 0n, peerAttached: false } }),
      undefined,
    ],
    ['nor one that has not answered yet', aPrimary({ postgres: { names: 'unknown' } }), 'has not answered yet'],
    [
      'two copies or no writes, by choice: readers go on behind the gate',
      aPrimary({ record: records.solo, postgres: { names: 'gate' }, whenStandbyLost: 'block' }),
      undefined,
    ],
    [
      'an agent that started cut off says so, so that the door of a server that outlived the last agent is shut',
      aPrimary({ record: undefined, ...cutOff(1_000) }),
      'neither peer nor arbiter',
    ],
    ['neither peer nor arbiter for a second: readers are shut out', aPrimary(cutOff(1_000)), 'neither peer nor arbiter'],
    ['a millisecond less', aPrimary(cutOff(999)), undefined],
    ['the arbiter away, the peer heard', aPrimary({ ...cutOff(60_000), peerView: { heardMs: ago(0) } }), undefined],
    [
      'the record is lost and the peer silent: it may have taken over',
      aPrimary({ arbiter: { frozen: 'the record is missing' }, peerView: { heardMs: ago(1_000) } }),
      'neither peer nor arbiter',
    ],
    ['the record is lost and the peer heard', aPrimary({ arbiter: { frozen: 'the record is missing' } }), undefined],
    [
      'the record is lost, and this member led alone: nobody can have taken over',
      aPrimary({
        record: records.solo,
        postgres: { names: 'none' },
        arbiter: { frozen: 'the record is missing' },
        peerView: { heardMs: ago(60_000) },
      }),
      undefined,
    ],
    [
      'the peer is heard and tells of a newer leader while the arbiter is away',
      aPrimary({
        ...cutOff(60_000),
        peerView: { heardMs: ago(0) },
        heartbeat: { record: { sequence: 99, mode: 'claim', epoch: 2, primary: 'b' } },
      }),
      'knows of a newer leader',
    ],
    ['the peer silent, the arbiter there', aPrimary({ ...cutOff(60_000), arbiter: { failures: 0, answeredMs: ago(60_000) } }), undefined],
  ];
  for (const [behaviour, seen, why] of rows) {
    test(behaviour, () => {
      const { access, route } = outputsOf(seen);
      if (why === undefined) expect({ access, route }).toEqual({ access: { to: 'open', epoch: 1 }, route: { epoch: 1 } });
      else expect({ access, route }).toEqual({ access: { to: 'closed', why: expect.stringContaining(why) as string }, route: undefined });
    });
  }
});

test('a server that was found keeps its clients until it has said what it is, or somebody else may lead', () => {
  const unseen = { role: 'standby', names: 'unknown' } as const;
  expect(leavesDoor(aPrimary({ postgres: unseen }))).toBe(true);
  expect(leavesDoor(aPrimary({ record: undefined, postgres: unseen }))).toBe(true);
  expect(leavesDoor(aMember({ postgres: unseen }))).toBe(false);
  expect(leavesDoor(aPrimary({ postgres: { role: 'standby', names: 'gate' } }))).toBe(false);
  expect(leavesDoor(aPrimary({ postgres: unseen, operation: { do: 'startPrimary', names: 'peer' } }))).toBe(false);
  expect(leavesDoor(aPrimary({ postgres: unseen, ...cutOff(1_000) }))).toBe(false);
  const [found, answered] = [aPrimary({ postgres: unseen }), aPrimary({ postgres: { role: 'standby', names: 'gate' } })].map(outputsOf);
  expect(found !== undefined && answered !== undefined && sameOutputs(found, answered)).toBe(false);
});

test('outputs are the same only when access, its reason or epoch, and the route are', () => {
  const all: readonly MemberOutputs[] = [
    { access: { to: 'open', epoch: 1 }, route: { epoch: 1 } },
    { access: { to: 'open', epoch: 2 }, route: { epoch: 1 } },
    { access: { to: 'open', epoch: 1 }, route: { epoch: 2 } },
    { access: { to: 'open', epoch: 1 }, route: undefined },
    { access: { to: 'closed', why: 'x' }, route: undefined },
    { access: { to: 'closed', why: 'y' }, route: undefined },
  ];
  for (const [i, one] of all.entries()) {
    for (const [j, other] of all.entries()) expect(sameOutputs(one, structuredClone(other))).toBe(i === j);
  }
});

describe('what a member says of its PostgreSQL', () => {
  const rows: readonly (readonly [string, MemberState, string])[] = [
    ['it runs', aPrimary(), 'running'],
    ['it died', aPrimary({ postgres: downPostgres, diedMs: ago(5) }), 'dead'],
    [
      'it died and is started again: still dead, so that the standby may claim first',
      aPrimary({ postgres: downPostgres, diedMs: ago(5), operation: { do: 'startPrimary', names: 'peer' } }),
      'dead',
    ],
    ['it is down by intention', aPrimary({ postgres: downPostgres }), 'stopped'],
    [
      'the data is being made, its server running for that',
      aPrimary({ record: records.founded, operation: { do: 'initialise' } }),
      'starting',
    ],
    ['it is being started', aPrimary({ operation: { do: 'startPrimary', names: 'none' } }), 'starting'],
    ['a copy is being made', aMember({ postgres: downPostgres, operation: { do: 'rejoin' } }), 'starting'],
    ['an admission does not interrupt it', aPrimary({ operation: { do: 'admit' } }), 'running'],
  ];
  for (const [behaviour, seen, word] of rows) test(behaviour, () => expect(heartbeatOf(seen).postgres).toBe(word));

  test('it names the record it knows, and asks to be deposed only in a handover', () => {
    expect(heartbeatOf(aPrimary())).toMatchObject({ from: 'a', record: { sequence: records.sync.sequence, mode: 'sync', epoch: 1 } });
    expect(heartbeatOf(aPrimary({ record: undefined })).record).toBeUndefined();
    expect(heartbeatOf(aPrimary({ postgres: downPostgres })).handingOver).toBe(false);
    expect(heartbeatOf(aPrimary({ handover: { id: 'x', stage: 'waiting', sinceMs: ago(1) } })).handingOver).toBe(false);
  });

  test('a hanging disk makes it unhealthy, and the age of its canary is told', () => {
    const hanging = aPrimary({ canaries: { local: { okMs: ago(900), pendingSinceMs: ago(800) } }, flushMovedMs: ago(800) });
    expect(heartbeatOf(hanging)).toMatchObject({ healthy: false, localCanaryAgeMs: 900 });
    expect(heartbeatOf(aPrimary())).toMatchObject({ healthy: true, localCanaryAgeMs: 0 });
  });
});

describe('why a failover without loss is not possible', () => {
  const { solo, claimed } = records;
  const well: HeartbeatStanding = { arbiterReached: true, paused: false, stuck: undefined, copying: false, frozen: false };
  const told = (change: Partial<HeartbeatStanding>): MemberWish => ({ heartbeat: { standing: { ...well, ...change } } });
  const silent: MemberWish = { peerView: { heardMs: ago(600) } };
  const rows: readonly (readonly [string, MemberState, BlockedReason | undefined])[] = [
    ['it is possible', aPrimary(), undefined],
    ['also seen from the standby', aMember(), undefined],
    ['never led', aMember({ record: records.created }), 'NeverLed'],
    ['paused', aPrimary({ paused: true }), 'Paused'],
    ['the standby is paused and the primary not yet', aPrimary(told({ paused: true })), 'Paused'],
    ['the standby is lost', aPrimary({ record: solo, ...silent }), 'StandbyLost'],
    ['who led alone fell silent', aMember({ record: solo, ...silent }), 'PrimaryLost'],
    ['the standby is there and does not stream', aPrimary({ record: solo, postgres: { peerAttached: false } }), 'StandbyLost'],
    ['the standby streams and is not waited for yet', aPrimary({ record: solo }), 'CopyingStandby'],
    ['the standby copies, told by the primary', aPrimary({ record: solo, heartbeat: { data: 'incomplete' } }), 'CopyingStandby'],
    ['the standby copies, told by itself', aMember({ record: solo, operation: { do: 'rejoin' } }), 'CopyingStandby'],
    ['SYNC, and the standby just fell silent', aPrimary(silent), 'StandbyLost'],
    ['SYNC, and the standby is heard at the last moment', aPrimary({ peerView: { heardMs: ago(599) } }), undefined],
    ['SYNC, and the agent of the standby is gone', aPrimary({ peerView: { link: 'ended' } }), 'StandbyLost'],
    ['SYNC, and the standby has no proof', aMember({ postgres: { data: 'incomplete' } }), 'CopyingStandby'],
    ['SYNC, and the standby says that it has no proof', aPrimary({ heartbeat: { data: 'incomplete' } }), 'CopyingStandby'],
    ['SYNC, and the primary fell silent: what the standby waits for', aMember(silent), undefined],
    ['the arbiter is away from the standby', aMember({ arbiter: { failures: 1 } }), 'ArbiterUnreachable'],
    ['the same, told by the primary', aPrimary(told({ arbiterReached: false })), 'ArbiterUnreachable'],
    ['the arbiter is away from the primary alone, which does not matter', aPrimary({ arbiter: { failures: 1 } }), undefined],
    ['the arbiter has not answered the standby for long', aMember({ arbiter: { answeredMs: ago(4_000) } }), 'ArbiterUnreachable'],
    ['nor for nearly as long', aMember({ arbiter: { answeredMs: ago(3_999) } }), undefined],
    ['the record was never read', aPrimary({ record: undefined, heartbeat: { record: undefined } }), 'ArbiterUnreachable'],
    ['the record is lost, which outranks everything', aPrimary({ arbiter: { frozen: 'gone', failures: 1 }, paused: true }), 'RecordLost'],
    ['the standby has seen it before the primary', aPrimary(told({ frozen: true })), 'RecordLost'],
    ['a take-over is under way', aMember({ record: claimed }), 'TakeoverRunning'],
    ['a deposed member that does not reach the arbiter hears of it', aPrimary({ heartbeat: { record: claimed } }), 'TakeoverRunning'],
    ['the standby could not be promoted', aPrimary(told({ stuck: 'its replay stands still' })), 'StandbyLost'],
    ['its replay has stood still for long', aMember({ replayStuckSinceMs: ago(5_000) }), 'StandbyLost'],
    ['for nearly as long', aMember({ replayStuckSinceMs: ago(4_999) }), undefined],
    ['its PostgreSQL cannot be started', aMember({ postgres: downPostgres, operationFailures: 1 }), 'StandbyLost'],
    ['its PostgreSQL is being started, and will claim then', aMember({ postgres: downPostgres }), undefined],
    ['its stream brings nothing while the primary writes', aMember({ flushMovedMs: ago(2_000) }), 'StandbyLost'],
    ['nor does one of a primary that is silent', aMember({ flushMovedMs: ago(2_000), ...silent }), undefined],
  ];
  for (const [behaviour, seen, reason] of rows) test(behaviour, () => expect(failoverBlockedBy(seen)).toBe(reason));

  test('every reason has such a row, but a full disk, which the core does not see', () => {
    const shown = new Set(rows.map(([, , reason]) => reason).filter((reason) => reason !== undefined));
    expect([...shown, 'DiskFull'].toSorted()).toEqual([...blockedReasons].toSorted());
  });

  test('the reasons are those of the condition ZeroLossFailoverPossible', () => {
    const definition = readFileSync(new URL('../../crds/failoverpair.yaml', import.meta.url), 'utf8');
    const text = /ZeroLossFailoverPossible \(StandbyStreaming; else ([^)]+)\)/.exec(definition)?.[1] ?? '';
    for (const reason of blockedReasons) expect(text).toContain(reason);
  });
});
