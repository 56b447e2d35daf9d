import { memberAccountName } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';

/** Names of what is made for a pair, all in its namespace. The PairRecord bears the pair's own name. */

export function authoritySecretName(pair: string): string {
  return `hallkeeper-${pair}-ca`;
}

/** Made by the Hall's controller; its certificates speak for terminals and exporters. */
export function hallAuthoritySecretName(hall: string): string {
  return `hallkeeper-hall-${hall}-ca`;
}

/** User names of the two members, the only ones that may change the record. */
export function writersOf(pair: FailoverPair): readonly string[] {
  const { namespace, name } = pair.metadata;
  return pair.spec.members.map((member) => `system:serviceaccount:${namespace}:${memberAccountName(name, member.name)}`);
}

/** The slice that follows the primary. Its Service may have others, of other controllers. */
export function sliceName(service: string): string {
  return `${service}-hallkeeper`;
}

/** Who may lead the clients of the EndpointSlice where: the admission policy lets a member do nothing else. */
export function sliceMembers({ metadata, spec }: FailoverPair): string {
  return spec.members.map(({ name, host }) => `${memberAccountName(metadata.name, name)}=${host?.address ?? ''}`).join(' ');
}

/** On a FailoverPair: the PairOperation that paused it. */
export const pausedByAnnotation = 'hallkeeper.dev/paused-by';
/** On a PairRecord, holding its own UID: the record may be deleted. */
export const retiredAnnotation = 'hallkeeper.dev/retired';

/** Settings Secret, ServiceAccount, Role and RoleBinding of a member. */
export function memberKey(pair: FailoverPair, member: string): ObjectKey & { readonly namespace: string } {
  return { namespace: pair.metadata.namespace, name: memberAccountName(pair.metadata.name, member) };
}
