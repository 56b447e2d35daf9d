import { formatBundle, memberAccountName, parseBundle } from '#agents/member/contract.ts';
import { defineErrors } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { defineResource } from '#lib/kube/objects.ts';
import { pairs } from './resources.ts';

export const enrolErrors = defineErrors({
  HK_ENROL_IMPOSSIBLE: { retry: 'never', says: 'the member cannot be enrolled' },
});

export interface EnrolmentWish {
  readonly namespace: string;
  readonly pair: string;
  readonly member: string;
  /** `https://…`, as members reach the API server, and PEM of its authority. */
  readonly server: string;
  readonly authority: string;
}

export interface Enrolled extends Pick<EnrolmentWish, 'namespace' | 'pair' | 'member'> {
  /** Text of the bundle file; it holds the token. */
  readonly bundle: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

const serviceAccounts = defineResource({ apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true });

/** Long enough to carry a file to a server, too short to be found later. */
const tokenSeconds = 3_600;

/**
 * Makes the bundle of one member, with a token of the account that the operator has made for it.
 *
 * @throws HK_ENROL_IMPOSSIBLE  saying what to do: there is no such pair or member, or the operator has not prepared it yet.
 */
export async function enrolMember(
  wish: EnrolmentWish,
  client: Pick<KubeClient, 'find' | 'createSubresource'>,
  signal: AbortSignal,
): Promise<Enrolled> {
  const { namespace, pair, member } = wish;
  const found = await client.find(pairs, { namespace, name: pair }, signal);
  if (found === undefined) throw enrolErrors.HK_ENROL_IMPOSSIBLE(`there is no FailoverPair ${pair} in namespace ${namespace}`);
  const names = found.spec.members.map(({ name }) => name);
  if (!names.includes(member)) throw enrolErrors.HK_ENROL_IMPOSSIBLE(`${pair} has the members ${names.join(' and ')}, not ${member}`);
  const account = { namespace, name: memberAccountName(pair, member) };
  const ready = found.status?.conditions?.find(({ type }) => type === 'Ready');
  const exists = (await client.find(serviceAccounts, account, signal)) !== undefined;
  if (!exists) {
    const why = ready === undefined ? 'does the operator run?' : `${ready.reason}, ${ready.message}`;
    throw enrolErrors.HK_ENROL_IMPOSSIBLE(`the operator has not prepared ${member} of ${pair} yet: ${why}`);
  }
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: tokenSeconds } };
  const answer = await client.createSubresource<{ readonly status: { readonly token: string; readonly expirationTimestamp: string } }>(
    serviceAccounts,
    account,
    'token',
    body,
    signal,
  );
  const { token, expirationTimestamp } = answer.status;
  // Read back as the agent will read it: a bundle that it would refuse is refused here.
  const { server, authority } = wish;
  const bundle = parseBundle({ server, authority, token, namespace, pair, member });
  return { namespace, pair, member, bundle: formatBundle(bundle), expiresAt: expirationTimestamp };
}
