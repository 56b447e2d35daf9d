import type { DrillSchedule, DrillScheduleSpec, DrillScheduleStatus } from '#lib/api/drillschedule.gen.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation, PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { aPairOperation } from '#test/api/builders.ts';
import { aStoredPair } from '#test/api/stored-pair.ts';

const created = '2026-06-01T00:00:00Z';
const scheduleUid = '5f0c2a52-0000-4000-8000-00000000d111';

/** `weekly`, each Wednesday at four in Berlin, as the API server shows it. Its status says that everything before July was dealt with. */
export function aStoredDrill(spec: Partial<DrillScheduleSpec> = {}, status: Partial<DrillScheduleStatus> = {}): DrillSchedule {
  return {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'DrillSchedule',
    metadata: {
      ...aStoredPair().metadata,
      name: 'weekly',
      uid: scheduleUid,
      creationTimestamp: created,
      generation: 2,
    },
    spec: {
      pairRef: { name: 'pair-7' },
      schedule: '0 4 * * WED',
      timeZone: 'Europe/Berlin',
      type: 'KillPrimary',
      startingDeadline: '10m',
      suspend: false,
      historyLimit: 3,
      ...spec,
    },
    status: { observedGeneration: 2, consideredUntil: '2026-07-01T00:00:00Z', ...status },
  };
}

/** One of its runs: under way, unless a condition is given. */
export function aRun(
  name: string,
  ended?: { readonly type: 'Complete' | 'Failed'; readonly reason: string; readonly outageMs?: number },
): PairOperation {
  const manifest = aPairOperation({ spec: { type: 'KillPrimary' } });
  const status: PairOperationStatus =
    ended === undefined
      ? { startedAt: created }
      : {
          startedAt: created,
          completedAt: created,
          conditions: [{ type: ended.type, status: 'True', reason: ended.reason, message: 'as it went', lastTransitionTime: created }],
          ...(ended.outageMs === undefined ? {} : { report: { epoch: 4, writeOutageMs: ended.outageMs } }),
        };
  return {
    ...manifest,
    metadata: {
      ...aStoredPair().metadata,
      name,
      uid: `uid-of-${name}`,
      ownerReferences: [
        { apiVersion: 'hallkeeper.dev/v1alpha1', kind: 'DrillSchedule', name: 'weekly', uid: scheduleUid, controller: true },
      ],
    },
    spec: { ...manifest.spec, ttlAfterFinished: '8760h' },
    status,
  };
}

/** `pair-7`, which says of itself whether a failover loses nothing now. */
export function aPairThatIs(status: 'True' | 'False' | 'Unknown', reason: string): FailoverPair {
  const condition = { type: 'ZeroLossFailoverPossible', status, reason, message: 'as it is', lastTransitionTime: created };
  return aStoredPair({ status: { primary: 'a', standby: 'b', conditions: [condition] } });
}
