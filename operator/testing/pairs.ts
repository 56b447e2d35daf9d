import { parseMemberSettings, settingsKey, tokenKey } from '#agents/member/contract.ts';
import type { MemberSettings } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { aPair } from '#test/api/builders.ts';
import { freePort } from '#test/cluster/ports.ts';
import { failoverPairs, pairRecords, secrets } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { anySignal } from './cluster.ts';
import type { OperatorCluster } from './cluster.ts';

const signal = anySignal();

export const conditionOf = (
  pair: { readonly status?: { readonly conditions?: readonly unknown[] } },
  type: string,
): Condition | undefined => findCondition(pair.status?.conditions as readonly Condition[] | undefined, type);

export const isReady = (pair: FailoverPair): boolean => conditionOf(pair, 'Ready')?.status === 'True';

export const membersAt = (...addresses: readonly string[]): FailoverPair['spec']['members'] =>
  addresses.map((address, index) => ({ name: 'ab'[index] ?? '', host: { address } }));

type PairSpecWish = NonNullable<NonNullable<Parameters<typeof aPair>[0]>['spec']>;

export async function createPair(
  { admin }: OperatorCluster,
  namespace: string,
  wanted: Parameters<typeof aPair>[0],
): Promise<FailoverPair> {
  const manifest = aPair(wanted);
  return admin.create(failoverPairs, { ...manifest, metadata: { ...manifest.metadata, namespace } } as unknown as FailoverPair, signal);
}

/** A pair on two addresses of this machine, at ports that nobody uses. */
export async function createLocalPair(
  cluster: OperatorCluster,
  namespace: string,
  { name, addresses, spec = {} }: { readonly name: string; readonly addresses: readonly [string, string]; readonly spec?: PairSpecWish },
): Promise<FailoverPair> {
  const [at] = addresses;
  const hallServer = { adminPort: await freePort(at), port: await freePort(at) };
  const postgresql = { port: await freePort(at) };
  return createPair(cluster, namespace, { name, spec: { members: membersAt(...addresses), hallServer, postgresql, ...spec } });
}

/** What the operator has put into a member's Secret. */
export async function settingsOf(
  { admin }: OperatorCluster,
  namespace: string,
  pair: string,
  member: string,
): Promise<{ readonly settings: MemberSettings; readonly token: string }> {
  const data = decodeData(await admin.get(secrets, { namespace, name: `hallkeeper-${pair}-${member}` }, signal));
  return { settings: parseMemberSettings(JSON.parse(data[settingsKey] ?? 'null')), token: data[tokenKey] ?? '' };
}

/** Changes the record as a member does, with the token of that member. */
export async function writeRecord(
  cluster: OperatorCluster,
  { namespace, pair, member }: { readonly namespace: string; readonly pair: string; readonly member: string },
  change: Partial<PairRecordSpec>,
): Promise<PairRecord> {
  const { token } = await settingsOf(cluster, namespace, pair, member);
  const client = cluster.withToken(token);
  const seen = await client.get(pairRecords, { namespace, name: pair }, signal);
  const spec = { ...seen.spec, author: member, sequence: seen.spec.sequence + 1, changedAt: new Date().toISOString(), ...change };
  return client.update(pairRecords, { ...seen, spec }, signal);
}
