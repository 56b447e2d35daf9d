import { isPairPaused, ownRecordOf, recordFactsOf, recordProblemOf } from '#operator/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { defineErrors } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { PairFacts } from '#lib/pair/explain.ts';
import { pauseOf } from './pause-seen.ts';
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

/** Finished ones go after a month by default; of a namespace with more than this the first by name are seen. */
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

/** What the verdict about a failover rests on: the record as it is now, and the members as the operator saw them last. */
export function pairFactsOf({ pair, record, operations }: PairSeen): PairFacts {
  const { name: called, namespace } = pair.metadata;
  const pause = pauseOf(pair, operations);
  // Whatever else still stands in the status: the operator says that nobody answers it.
  const condition = pair.status?.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible');
  const unheard = condition?.reason === 'MembersUnreachable';
  const [one, other] = pair.spec.members.map(({ name }) => name);
  const members = pair.status?.members ?? [];
  return {
    members: [one ?? '', other ?? ''],
    record: record === undefined ? undefined : recordFactsOf(record),
    // What an etcd holds the members alone can tell.
    recordLost: pair.spec.arbiter.kubernetes === undefined ? undefined : recordProblemOf(pair, record),
    paused: isPairPaused(pair),
    ...(pause === undefined ? {} : { pause }),
    called: `${called} -n ${namespace}`,
    heard: (unheard ? [] : members).flatMap((member) => factsOfStatus(member, pair.spec.whenStandbyLost) ?? []),
    diskFull: members.flatMap(({ name, diskFull }) => (diskFull === true ? [name] : [])),
  };
}
