import type { FailoverPair, FailoverPairSpec } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import type { ObjectMeta } from '#lib/api/shared.gen.ts';
import { aPairRecord } from '#test/api/builders.ts';
import { managedBy, managedByLabel, ownerUidLabel, pairLabel } from '../labels.ts';
import { sliceOf } from '../pair/act-route.ts';
import type { PairView } from '../pair/pair-view.ts';
import type { EndpointSlice } from '../resources.ts';
import { aMemberStatus } from './stand-in-member.ts';
import type { MemberStatusWish } from './stand-in-member.ts';

const uid = '5f0c2a52-0000-4000-8000-000000000001';

function metaOf(name: string, change: Partial<ObjectMeta> = {}): ObjectMeta {
  return { name, namespace: 'hall-7', uid, resourceVersion: '7', generation: 3, creationTimestamp: '2026-01-02T03:04:05Z', ...change };
}

/** `pair-7` as the API server shows it, with every default. */
export function aStoredPair({ spec, metadata, status }: StoredPairWish = {}): FailoverPair {
  return {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'FailoverPair',
    metadata: metaOf('pair-7', metadata),
    spec: {
      members: [
        { name: 'a', host: { address: '10.20.0.11' } },
        { name: 'b', host: { address: '10.20.0.12' } },
      ],
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

export interface StoredPairWish {
  readonly spec?: Partial<FailoverPairSpec>;
  readonly metadata?: Partial<ObjectMeta>;
  readonly status?: FailoverPair['status'] & object;
}

/** The record of `pair-7`, in Sync under `a` in epoch 3. */
export function aStoredRecord(spec: Partial<PairRecordSpec> = {}, labels: Readonly<Record<string, string>> = {}): PairRecord {
  const manifest = aPairRecord();
  const owned = { [managedByLabel]: managedBy, [pairLabel]: 'pair-7', [ownerUidLabel]: uid };
  return {
    ...manifest,
    metadata: { ...metaOf('pair-7'), labels: { ...owned, ...labels } },
    spec: { ...manifest.spec, mode: 'Sync', primary: 'a', epoch: 3, sequence: 9, ...spec },
  };
}

export function aSlice(pair: FailoverPair, address: string, epoch: number): EndpointSlice {
  return sliceOf(pair, address, epoch);
}

/** A member that was just heard. */
export const heard = (change: MemberStatusWish = {}): PairView['members'] extends ReadonlyMap<string, infer V> ? V : never => ({
  reachable: true,
  status: aMemberStatus({ settingsRevision: 'r1', ...change }),
  why: undefined,
});

/** Both members are well, `a` leads in Sync, and nothing is wrong. */
export function aPairView(change: Partial<PairView> = {}): PairView {
  return {
    pair: aStoredPair(),
    halls: [],
    served: { is: 'none' },
    record: aStoredRecord(),
    earlierRecord: false,
    tsig: undefined,
    etcdTls: undefined,
    rivals: [],
    members: new Map([
      ['a', heard({ member: 'a', role: 'primary', step: 'leading', lagBytes: 0 })],
      ['b', heard({ member: 'b', step: 'following' })],
    ]),
    dns: undefined,
    slice: undefined,
    service: undefined,
    routeProblem: undefined,
    drills: new Set(),
    foreign: [],
    revisions: new Map([
      ['a', 'r1'],
      ['b', 'r1'],
    ]),
    ...change,
  };
}
