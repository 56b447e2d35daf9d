import type { DrillScheduleManifest, DrillScheduleSpecManifest } from '#lib/api/drillschedule.gen.ts';
import type { FailoverPairManifest, FailoverPairSpecManifest } from '#lib/api/failoverpair.gen.ts';
import type { HallManifest, HallSpecManifest } from '#lib/api/hall.gen.ts';
import type { PairOperationManifest, PairOperationSpecManifest } from '#lib/api/pairoperation.gen.ts';
import type { PairRecordManifest, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import type { ManifestMeta } from '#lib/api/shared.gen.ts';
import type { TerminalManifest, TerminalSpec } from '#lib/api/terminal.gen.ts';

/**
 * Valid manifests of our kinds for tests. Each builder fills what the API server requires and takes what matters to the test:
 * `aHall({ name: 'hall-9', spec: { displayName: 'Nine' } })`. Fields of `spec` replace those of the default as a whole.
 */
export interface Wanted<Spec> extends Partial<ManifestMeta> {
  readonly spec?: Partial<Spec>;
}

const apiVersion = 'hallkeeper.dev/v1alpha1';

/** A Hall `hall-7` served by the pair `pair-7`. */
export function aHall({ spec, ...metadata }: Wanted<HallSpecManifest> = {}): HallManifest {
  return {
    apiVersion,
    kind: 'Hall',
    metadata: { name: 'hall-7', ...metadata },
    spec: { timeZone: 'Europe/Berlin', failoverPairRef: { name: 'pair-7' }, ...spec },
  };
}

/** A Terminal `t-001` of `hall-7`. */
export function aTerminal({ spec, ...metadata }: Wanted<TerminalSpec> = {}): TerminalManifest {
  const name = metadata.name ?? 't-001';
  return {
    apiVersion,
    kind: 'Terminal',
    metadata: { ...metadata, name },
    spec: { hallRef: { name: 'hall-7' }, model: 'Novaline Mk3', serialNumber: `SN-${name}`, ...spec },
  };
}

/** A FailoverPair `pair-7` of two host members, `a` and `b`, decided by Kubernetes. */
export function aPair({ spec, ...metadata }: Wanted<FailoverPairSpecManifest> = {}): FailoverPairManifest {
  return {
    apiVersion,
    kind: 'FailoverPair',
    metadata: { name: 'pair-7', ...metadata },
    spec: {
      members: [
        { name: 'a', host: { address: '10.20.0.11' } },
        { name: 'b', host: { address: '10.20.0.12' } },
      ],
      arbiter: { kubernetes: {} },
      ...spec,
    },
  };
}

/** A switchover of `pair-7` to the member `b`, to be started before the year 2100. Give `type` and `member` together. */
export function aPairOperation({ spec, ...metadata }: Wanted<PairOperationSpecManifest> = {}): PairOperationManifest {
  const type = spec?.type ?? 'Switchover';
  const member = type === 'Switchover' || type === 'Reinitialize' ? { member: 'b' } : {};
  return {
    apiVersion,
    kind: 'PairOperation',
    metadata: { name: 'switch-pair-7', ...metadata },
    spec: {
      pairRef: { name: 'pair-7' },
      type: 'Switchover',
      ...member,
      notAfter: '2099-12-31T23:59:59Z',
      reason: 'a new power supply for a',
      ...spec,
    },
  };
}

/** A drill of `pair-7` each Wednesday at four in Berlin, in which the primary is killed. */
export function aDrillSchedule({ spec, ...metadata }: Wanted<DrillScheduleSpecManifest> = {}): DrillScheduleManifest {
  return {
    apiVersion,
    kind: 'DrillSchedule',
    metadata: { name: 'weekly', ...metadata },
    spec: { pairRef: { name: 'pair-7' }, schedule: '0 4 * * WED', timeZone: 'Europe/Berlin', type: 'KillPrimary', ...spec },
  };
}

/** The PairRecord of `pair-7` as the operator creates it: never led. */
export function aPairRecord({ spec, ...metadata }: Wanted<PairRecordSpec> = {}): PairRecordManifest {
  return {
    apiVersion,
    kind: 'PairRecord',
    metadata: { name: 'pair-7', ...metadata },
    spec: {
      formatVersion: 1,
      sequence: 0,
      mode: 'New',
      epoch: 0,
      reason: 'Created',
      author: 'operator',
      writers: ['system:serviceaccount:hall-7:hallkeeper-pair-7-a', 'system:serviceaccount:hall-7:hallkeeper-pair-7-b'],
      ...spec,
    },
  };
}
