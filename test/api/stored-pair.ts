import { recordFrame } from '#operator/contract.ts';
import type { FailoverPair, FailoverPairSpec } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import type { ObjectMeta } from '#lib/api/shared.gen.ts';
import { aPair, aPairRecord } from './builders.ts';

const uid = '5f0c2a52-0000-4000-8000-000000000001';

function metaOf(change: Partial<ObjectMeta> = {}): ObjectMeta {
  return {
    name: 'pair-7',
    namespace: 'hall-7',
    uid,
    resourceVersion: '7',
    generation: 3,
    creationTimestamp: '2026-01-02T03:04:05Z',
    ...change,
  };
}

/** `pair-7` as the API server shows it, with every default. */
export function aStoredPair({ spec, metadata, status }: StoredPairWish = {}): FailoverPair {
  return {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'FailoverPair',
    metadata: metaOf(metadata),
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
    ...(status === undefined ? {} : { status }),
  };
}

interface StoredPairWish {
  readonly spec?: Partial<FailoverPairSpec>;
  readonly metadata?: Partial<ObjectMeta>;
  readonly status?: FailoverPair['status'] & object;
}

/** The record of `pair-7`, in Sync under `a` in epoch 3. */
export function aStoredRecord(spec: Partial<PairRecordSpec> = {}, labels: Readonly<Record<string, string>> = {}): PairRecord {
  const manifest = aPairRecord();
  return {
    ...manifest,
    metadata: { ...metaOf(), labels: { ...recordFrame(aStoredPair()).labels, ...labels } },
    spec: { ...manifest.spec, mode: 'Sync', primary: 'a', epoch: 3, sequence: 9, ...spec },
  };
}
