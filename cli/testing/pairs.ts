import type { FailoverPair, FailoverPairStatus, FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import type { PairSeen } from '../pair-seen.ts';

const knows = { mode: 'Sync', primary: 'a', epoch: 3, sequence: 9 } as const;

/** The standby `b` as the operator writes it down when all is well. */
export function aStandbyStatus(change: Partial<FailoverPairStatusMember> = {}): FailoverPairStatusMember {
  return {
    name: 'b',
    role: 'Standby',
    reachable: true,
    timeline: 2,
    lag: 'None',
    step: 'streaming',
    since: '2026-01-02T03:00:00Z',
    heard: 'Directly',
    knows,
    arbiterReached: true,
    paused: false,
    postgresql: 'Running',
    data: 'Complete',
    copying: false,
    streaming: true,
    waitsFor: 'Gate',
    hearsPeer: true,
    replayBehind: false,
    diskFull: false,
    systemIdentifier: '7400000000000000000',
    ...change,
  };
}

/** Its primary `a`. */
export function aPrimaryStatus(change: Partial<FailoverPairStatusMember> = {}): FailoverPairStatusMember {
  const { lag: _, ...rest } = aStandbyStatus();
  return { ...rest, name: 'a', role: 'Primary', step: 'leading; commits wait for the peer', waitsFor: 'Peer', ...change };
}

/** `pair-7` in Sync under `a`, in epoch 3, as it is read. */
export function aPairSeen(
  status: Partial<FailoverPairStatus> = {},
  record: Partial<PairRecordSpec> | 'gone' = {},
  spec: Partial<FailoverPair['spec']> = {},
): PairSeen {
  const members = [aPrimaryStatus(), aStandbyStatus()];
  return {
    pair: aStoredPair({ spec, status: { mode: 'Sync', primary: 'a', standby: 'b', epoch: 3, members, ...status } }),
    record: record === 'gone' ? undefined : aStoredRecord(record),
    operations: [],
  };
}
