import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { MemberState } from './member-state.ts';
import { blockedReasons, failoverBlockedBy, heartbeatOf, outputsOf, sameOutputs } from './outputs.ts';
import type { BlockedReason, MemberOutputs } from './outputs.ts';
import { aMember, aPrimary, ago, downPostgres, records } from './testing/a-member.ts';
import type { MemberWish } from './testing/a-member.ts';

const cutOff = (ms: number): MemberWish => ({ arbiter: { failures: 1, answeredMs: ago(ms) }, peerView: { heardMs: ago(ms) } });

describe('whether clients are served', () => {
  const rows: readonly (readonly [string, MemberState, string | undefined])[] = [
    ['the synchronous primary serves', aPrimary(), undefined],
    ['a sole primary serves', aPrimary({ record: records.solo, postgres: { names: 'none' } }), undefined],
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
  const solo = records.solo;
  const rows: readonly (readonly [string, MemberState, BlockedReason | undefined])[] = [
    ['it is possible', aPrimary(), undefined],
    ['also seen from the standby', aMember(), undefined],
    ['never led', aMember({ record: records.created }), 'NeverLed'],
    ['paused', aPrimary({ paused: true }), 'Paused'],
    ['the standby is lost', aPrimary({ record: solo }), 'StandbyLost'],
    ['the standby copies, told by the primary', aPrimary({ record: solo, heartbeat: { data: 'incomplete' } }), 'CopyingStandby'],
    ['the standby copies, told by itself', aMember({ record: solo, operation: { do: 'rejoin' } }), 'CopyingStandby'],
    ['the arbiter is away', aPrimary({ arbiter: { failures: 1 } }), 'ArbiterUnreachable'],
    ['the record was never read', aPrimary({ record: undefined }), 'ArbiterUnreachable'],
    ['the record is lost, which outranks everything', aPrimary({ arbiter: { frozen: 'gone', failures: 1 }, paused: true }), 'RecordLost'],
  ];
  for (const [behaviour, seen, reason] of rows) test(behaviour, () => expect(failoverBlockedBy(seen)).toBe(reason));

  test('every reason has such a row', () => {
    const told = new Set(rows.map(([, , reason]) => reason).filter((reason) => reason !== undefined));
    expect([...told].toSorted()).toEqual([...blockedReasons].toSorted());
  });

  test('the reasons are those of the condition ZeroLossFailoverPossible', () => {
    const definition = readFileSync(new URL('../../crds/failoverpair.yaml', import.meta.url), 'utf8');
    const text = /ZeroLossFailoverPossible \(StandbyStreaming; else ([^)]+)\)/.exec(definition)?.[1] ?? '';
    // A pair that was never led, and a full disk, are seen by only one of operator and member.
    for (const reason of blockedReasons.filter((each) => each !== 'NeverLed')) expect(text).toContain(reason);
  });
});
