import { isPairPaused, ownRecordOf } from '#operator/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { defineErrors } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { PairFacts } from '#lib/pair/explain.ts';
import type { KnownRecord } from '#lib/pair/member-facts.ts';
import { factsOfStatus } from './status-facts.ts';
import { pairOperations, pairRecords, pairs } from './resources.ts';

export const pairErrors = defineErrors({
  HK_PAIR_ABSENT: { retry: 'never', says: 'there is no such FailoverPair' },
});

/** A pair as the caller may see it, read at one time. */
export interface PairSeen {
  readonly pair: FailoverPair;
  /** The pair's own; absent where there is none, or where an etcd keeps it. */
  readonly record: PairRecord | undefined;
  /** The newest first. */
  readonly operations: readonly PairOperation[];
}

const operationsMax = 500;
const namesTold = 10;

export type PairReader = Pick<KubeClient, 'find' | 'list'>;

/** @throws HK_PAIR_ABSENT  naming those that there are. */
export async function readPair(
  client: PairReader,
  key: ObjectKey & { readonly namespace: string },
  signal: AbortSignal,
): Promise<PairSeen> {
  const { namespace, name } = key;
  const [pair, record, operations] = await Promise.all([
    client.find(pairs, key, signal),
    client.find(pairRecords, key, signal),
    client.list(pairOperations, { namespace, limit: operationsMax }, signal),
  ]);
  if (pair === undefined) {
    const { items } = await client.list(pairs, { namespace, limit: namesTold }, signal);
    const there = items.length === 0 ? 'there is none' : `there is ${items.map(({ metadata }) => metadata.name).join(', ')}`;
    throw pairErrors.HK_PAIR_ABSENT(`${name} in namespace ${namespace}; ${there}`);
  }
  return {
    pair,
    record: ownRecordOf(pair, record),
    operations: operations.items
      .filter(({ spec }) => spec.pairRef.name === name)
      .toSorted((left, right) => (right.metadata.creationTimestamp ?? '').localeCompare(left.metadata.creationTimestamp ?? '')),
  };
}

const recordModes = { New: 'new', Sync: 'sync', Solo: 'solo', Claim: 'claim' } as const;

/** What the verdict about a failover rests on: the record as it is now, and the members as the operator saw them last. */
export function pairFactsOf({ pair, record }: PairSeen): PairFacts {
  const [one, other] = pair.spec.members.map(({ name }) => name);
  const members = pair.status?.members ?? [];
  return {
    members: [one ?? '', other ?? ''],
    record: record === undefined ? undefined : knownRecord(record),
    recordLost: recordProblem(pair, record),
    paused: isPairPaused(pair),
    heard: members.flatMap((member) => factsOfStatus(member, pair.spec.whenStandbyLost) ?? []),
    diskFull: members.flatMap(({ name, diskFull }) => (diskFull === true ? [name] : [])),
  };
}

function recordProblem(pair: FailoverPair, record: PairRecord | undefined): string | undefined {
  if (pair.spec.arbiter.kubernetes === undefined) return undefined;
  if (record === undefined) return pair.status?.mode === undefined ? undefined : 'the PairRecord is gone';
  const { mode, primary } = record.spec;
  if (mode === 'New' || pair.spec.members.some(({ name }) => name === primary)) return undefined;
  return `the PairRecord names ${String(primary)} as primary, which is no member of this pair`;
}

export function knownRecord({ spec }: PairRecord): KnownRecord {
  return { sequence: spec.sequence, mode: recordModes[spec.mode], epoch: spec.epoch, primary: spec.primary };
}
