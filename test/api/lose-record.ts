import { retiredRecordAnnotation } from '#operator/contract.ts';
import type { ApiServer } from './api-server.ts';
import { aPairRecord } from './builders.ts';

/** Deletes the record of `pair-7` by hand, as somebody does who knows how to get past the policy. */
export async function loseRecord(server: ApiServer): Promise<void> {
  const { name } = aPairRecord().metadata;
  const { body } = await server.read('PairRecord', name);
  const { uid } = body['metadata'] as { readonly uid: string };
  await server.kubectl('annotate', 'pairrecord', name, `${retiredRecordAnnotation}=${uid}`);
  await server.kubectl('delete', 'pairrecord', name);
}
