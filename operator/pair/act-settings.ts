import { formatMemberSettings, parseMemberSettings, settingsKey, tokenKey } from '#agents/member/contract.ts';
import type { MemberSettings } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { Secret } from '#lib/base/secret.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { decideLeaf } from '#lib/pki/renewal.ts';
import type { KeptAuthority } from '../authority-secret.ts';
import type { OperatorPorts } from '../frame.ts';
import { operatorErrors } from '../errors.ts';
import { hasSameOwner, ownedLabels, pairLabel } from '../labels.ts';
import { keepObject } from '../keep.ts';
import { secrets, serviceAccounts } from '../resources.ts';
import type { KubeSecret, ServiceAccount } from '../resources.ts';
import { decodeData, encodeData } from '../secret-data.ts';
import { decideToken, tokenSeconds } from './decide-token.ts';
import { completeSettings, leafNamesOf } from './member-plan.ts';
import type { MemberPlan } from './member-plan.ts';
import { memberKey } from './pair-names.ts';

/** What a settings Secret holds; undefined when there is none or it cannot be read, and then it is written anew. */
export function readSettings(secret: KubeSecret | undefined): { readonly settings: MemberSettings; readonly token: Secret } | undefined {
  if (secret === undefined) return undefined;
  const data = decodeData(secret);
  try {
    return { settings: parseMemberSettings(JSON.parse(data[settingsKey] ?? 'null')), token: new Secret(data[tokenKey] ?? '') };
  } catch {
    return undefined;
  }
}

export interface SettingsWanted {
  readonly pair: FailoverPair;
  readonly plan: MemberPlan;
  /** Absent while it is lost or cannot be read: the certificate stays, the token is renewed all the same. */
  readonly authority: KeptAuthority | undefined;
  readonly account: ServiceAccount;
}

type SettingsPorts = Pick<OperatorPorts, 'client' | 'caches' | 'clock'>;

/**
 * Brings a member's settings Secret to its plan. Certificate and token stay as they are until their time comes.
 *
 * @returns The settings that the Secret now holds.
 * @throws HK_OBJECT_FOREIGN
 */
export async function keepSettings(
  { pair, plan, authority, account }: SettingsWanted,
  { client, caches, clock }: SettingsPorts,
  signal: AbortSignal,
): Promise<MemberSettings> {
  const key = memberKey(pair, plan.self.name);
  // Without the present certificate a new one would be issued at every look while the cache is behind: the server is asked.
  const seen = caches.secrets.get(key) ?? (await client.find(secrets, key, signal));
  const labels = ownedLabels(pairLabel, pair);
  // Before anything is issued: for somebody else's Secret there would be a new token at each look.
  if (seen !== undefined && !hasSameOwner(seen, { metadata: { ...key, labels } })) {
    throw operatorErrors.HK_OBJECT_FOREIGN(`Secret ${key.name}; delete or rename it`);
  }
  const known = readSettings(seen);
  const tls = await keepLeaf(plan, known?.settings.tls, authority, clock.wallMs());
  const token = await keepToken(known?.token, account, { client, clock }, signal);
  const settings = completeSettings(plan, tls);
  const data = encodeData({ [settingsKey]: formatMemberSettings(settings), [tokenKey]: token.reveal() });
  const desired: KubeSecret = { metadata: { ...key, labels }, data };
  await keepObject(secrets, desired, seen, client, signal);
  return settings;
}

async function keepLeaf(
  plan: MemberPlan,
  known: MemberSettings['tls'] | undefined,
  authority: KeptAuthority | undefined,
  nowMs: number,
): Promise<MemberSettings['tls']> {
  if (authority === undefined) {
    if (known === undefined) throw operatorErrors.HK_OBJECT_UNSEEN(`settings of ${plan.self.name}`);
    return known;
  }
  const { signWith, bundlePem } = authority;
  const wanted = leafNamesOf(plan);
  const question = { certificatePem: known?.certificate, wanted, authorityPem: signWith.certificatePem, nowMs };
  if (known !== undefined && decideLeaf(question).do === 'keep') return { ...known, authority: bundlePem };
  const { certificatePem, privateKeyPem } = await issueLeaf(signWith, { ...wanted, nowMs });
  return { certificate: certificatePem, key: privateKeyPem, authority: bundlePem };
}

async function keepToken(
  known: Secret | undefined,
  account: ServiceAccount,
  { client, clock }: Pick<SettingsPorts, 'client' | 'clock'>,
  signal: AbortSignal,
): Promise<Secret> {
  const { namespace, name, uid } = account.metadata;
  const decision = decideToken(known?.reveal(), uid ?? '', clock.wallMs());
  if (known !== undefined && decision.do === 'keep') return known;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: tokenSeconds } };
  const answer = await client.createSubresource<{ readonly status: { readonly token: string } }>(
    serviceAccounts,
    { namespace, name },
    'token',
    body,
    signal,
  );
  return new Secret(answer.status.token);
}
