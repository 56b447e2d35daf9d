import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { failoverPairResource } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { pairOperationResource } from '#lib/api/pairoperation.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { pairRecordResource } from '#lib/api/pairrecord.gen.ts';
import { defineResource } from '#lib/kube/objects.ts';

/** What hallctl reads and writes of a pair, with the rights of whoever calls it. */

export const pairs = defineResource<FailoverPair>(failoverPairResource);
export const pairRecords = defineResource<PairRecord>(pairRecordResource);
export const pairOperations = defineResource<PairOperation>(pairOperationResource);
