import type { FailoverPair, FailoverPairStatus, FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import { aPair, aPairRecord } from '#test/api/builders.ts';
import type { PairSeen } from '../pair-seen.ts';

const uid = '5f0c2a52-0000-4000-8000-000000000001';
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
  const metadata = {
    name: 'pair-7',
    namespace: 'hall-7',
    uid,
    resourceVersion: '7',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  const pair: FailoverPair = {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'FailoverPair',
    metadata,
    spec: {
      members: aPair().spec.members,
      arbiter: { kubernetes: {} },
      postgresql: { port: 5432, slotKeepMegabytes: 4096 },
      whenStandbyLost: 'Continue',
      detection: { period: '100ms', suspectAfter: '600ms', degradeAfter: '300ms', degradeSlowAfter: '2s', canaryStaleAfter: '700ms' },
      hallServer: { port: 7443, adminPort: 7444 },
      paused: false,
      deletionPolicy: 'Retain',
      ...spec,
    },
    status: { mode: 'Sync', primary: 'a', standby: 'b', epoch: 3, members: [aPrimaryStatus(), aStandbyStatus()], ...status },
  };
  const stored: PairRecord | undefined =
    record === 'gone'
      ? undefined
      : {
          ...aPairRecord(),
          metadata,
          spec: { ...aPairRecord().spec, mode: 'Sync', primary: 'a', epoch: 3, sequence: 9, ...record },
        };
  return { pair, record: stored, operations: [] };
}
