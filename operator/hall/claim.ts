import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { keyText, parseKey } from '#lib/kube/objects.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import { claimLabel, hallLabel, managedBy, managedByLabel } from '../labels.ts';
import type { KubeConfigMap } from '../resources.ts';

/**
 * What only one Hall may have, as a ConfigMap in the operator's own namespace: whoever creates it has it, also between operators that
 * look after different namespaces. A Hall keeps what it has until it is gone or wants something else, so a newcomer never takes a
 * pair from a hall that it serves.
 *
 * hall-name  The name of a hall, unique in the cluster: it is the label of every metric and part of certificates.
 * pair       The pair that serves a hall; it serves one.
 */
export type ClaimKind = 'hall-name' | 'pair';

export interface ClaimWish {
  readonly kind: ClaimKind;
  /** Of the ConfigMap. */
  readonly name: string;
  /** For people who read the ConfigMap. */
  readonly says: string;
  /** `namespace/name` of the pair that is claimed. */
  readonly pair?: string;
}

/** The Hall that holds a claim. */
export interface ClaimHolder {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function nameClaim(hall: string): ClaimWish {
  return { kind: 'hall-name', name: `hallkeeper-hall-${hall}`, says: `the name ${hall}` };
}

export function pairClaim({ metadata }: FailoverPair): ClaimWish {
  return { kind: 'pair', name: `hallkeeper-pair-${metadata.uid}`, says: 'the pair', pair: keyText(metadata) };
}

export function holderOf({ metadata: { namespace, name, uid } }: Hall): ClaimHolder {
  return { namespace, name, uid };
}

export function formatClaim({ kind, name, says, pair }: ClaimWish, holder: ClaimHolder, namespace: string): KubeConfigMap {
  return {
    metadata: { namespace, name, labels: { [managedByLabel]: managedBy, [claimLabel]: kind, [hallLabel]: holder.name } },
    data: { claim: says, namespace: holder.namespace, hall: holder.name, uid: holder.uid, ...(pair === undefined ? {} : { pair }) },
  };
}

/** Undefined when the ConfigMap is no claim of ours. */
export function parseClaim({ data = {} }: KubeConfigMap): ClaimHolder | undefined {
  const { namespace, hall: name, uid } = data;
  return namespace === undefined || name === undefined || uid === undefined ? undefined : { namespace, name, uid };
}

/** The pair that a claim is about. */
export function claimedPairOf({ data }: KubeConfigMap): ObjectKey | undefined {
  return data?.['pair'] === undefined ? undefined : parseKey(data['pair']);
}

/** `namespace/name` of the holder, for messages and maps. */
export const holderText = (holder: ClaimHolder): string => keyText(holder);
