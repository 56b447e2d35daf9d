import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord, PairRecordManifest } from '#lib/api/pairrecord.gen.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { newRecord } from '#lib/pair/pair-record.ts';
import { operatorErrors } from '../errors.ts';
import { recordFrame } from '../contract.ts';
import { madeFor } from '../labels.ts';
import { pairRecords } from '../resources.ts';

/** The record as it is created: never led, to be written by the two members only, owned by nobody. */
function initialRecord(pair: FailoverPair): PairRecordManifest {
  const { formatVersion, sequence, epoch, reason, author } = newRecord;
  const { labels, writers } = recordFrame(pair);
  return {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'PairRecord',
    metadata: { name: pair.metadata.name, namespace: pair.metadata.namespace, labels },
    spec: { formatVersion, sequence, mode: 'New', epoch, reason, author, writers },
  };
}

/**
 * The record of a pair, created when the pair never had one. A pair whose status tells of a record that is gone gets none: its members
 * hold data, and only a person can say which of them is right (rule 8 of the protocol).
 *
 * @returns undefined when the record is lost.
 * @throws HK_OBJECT_UNSEEN  when an earlier pair's record is there that the cache does not show yet.
 */
export async function keepRecord(
  pair: FailoverPair,
  seen: PairRecord | undefined,
  client: Pick<KubeClient, 'find' | 'create'>,
  signal: AbortSignal,
): Promise<PairRecord | undefined> {
  const { namespace, name } = pair.metadata;
  // The cache may be behind, and a create that is refused is an error in the log: the server is asked first.
  const current = seen ?? (await client.find(pairRecords, { namespace, name }, signal));
  if (current !== undefined && madeFor(pair, current) === undefined) throw operatorErrors.HK_OBJECT_UNSEEN(`PairRecord ${name}`);
  if (current !== undefined || pair.status?.mode !== undefined) return current;
  return client.create(pairRecords, initialRecord(pair) as PairRecord, signal);
}
