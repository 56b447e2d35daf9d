import type { MemberSettings } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import type { Secret } from '#lib/base/secret.ts';
import { keyOf } from '#lib/kube/objects.ts';
import { madeFor } from '../labels.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import type { KubeSecret } from '../resources.ts';
import { readSettings } from './act-settings.ts';
import { authoritySecretName, memberKey } from './pair-names.ts';

/**
 * What is a pair's own, by its UID. A pair that was retained leaves objects of the same names behind, whose members may live: a new
 * pair of that name is refused for them, and takes neither mode, epoch nor trust from them.
 */

export function ownRecord(pair: FailoverPair, { pairRecords }: Pick<OperatorCaches, 'pairRecords'>): PairRecord | undefined {
  return madeFor(pair, pairRecords.get(keyOf(pair)));
}

/** What a member was told, by us and for this pair. */
export function ownSettings(
  pair: FailoverPair,
  member: string,
  { secrets }: Pick<OperatorCaches, 'secrets'>,
): { readonly settings: MemberSettings; readonly token: Secret } | undefined {
  return readSettings(madeFor(pair, secrets.get(memberKey(pair, member))));
}

export function ownAuthority(pair: FailoverPair, { secrets }: Pick<OperatorCaches, 'secrets'>): KubeSecret | undefined {
  const { namespace, name } = pair.metadata;
  return madeFor(pair, secrets.get({ namespace, name: authoritySecretName(name) }));
}
