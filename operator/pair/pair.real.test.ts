import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseMemberSettings, settingsKey, tokenKey } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { aPair } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { failoverPairs, pairRecords, roles, secrets, serviceAccounts } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { pairRoom } from './pair-room.ts';

let cluster: OperatorCluster;
const signal = anySignal();

beforeAll(async () => {
  cluster = await startOperatorCluster([pairRoom]);
}, 240_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const conditionOf = (pair: FailoverPair, type: string): Condition | undefined =>
  findCondition(pair.status?.conditions as readonly Condition[] | undefined, type);
const isReady = (pair: FailoverPair): boolean => conditionOf(pair, 'Ready')?.status === 'True';
const key = (name: string) => ({ namespace, name });

const asked = ({ lines }: RunningOperator): number => lines.filter(({ message }) => message === 'a member does not answer').length;

async function createPair(wanted: Parameters<typeof aPair>[0]): Promise<FailoverPair> {
  const manifest = aPair(wanted);
  return cluster.admin.create(
    failoverPairs,
    { ...manifest, metadata: { ...manifest.metadata, namespace } } as unknown as FailoverPair,
    signal,
  );
}

const membersAt = (...addresses: readonly string[]) => addresses.map((address, index) => ({ name: 'ab'[index] ?? '', host: { address } }));

test('a new pair gets its record, authority, rights and settings, and a restart of the operator rewrites nothing', async () => {
  const operator = await cluster.operator();
  const pair = await createPair({ name: 'fresh', spec: { members: membersAt('192.0.2.11', '192.0.2.12') } });
  const ready = await cluster.until('the pair is ready', failoverPairs, key('fresh'), isReady);
  expect(ready.status).toMatchObject({ mode: 'New', epoch: 0, usedBy: [], observedGeneration: 1 });
  expect(conditionOf(ready, 'ZeroLossFailoverPossible')).toMatchObject({ status: 'False', reason: 'NeverLed' });

  const record = await cluster.admin.get(pairRecords, key('fresh'), signal);
  expect(record.metadata.ownerReferences).toBeUndefined();
  expect(record.spec).toMatchObject({
    mode: 'New',
    sequence: 0,
    writers: ['a', 'b'].map((member) => `system:serviceaccount:${namespace}:hallkeeper-fresh-${member}`),
  });
  const authority = await cluster.admin.get(secrets, key('hallkeeper-fresh-ca'), signal);
  expect(authority.metadata.ownerReferences).toBeUndefined();

  const secret = decodeData(await cluster.admin.get(secrets, key('hallkeeper-fresh-a'), signal));
  const settings = parseMemberSettings(JSON.parse(secret[settingsKey] ?? ''));
  expect(settings).toMatchObject({ founder: 'a', self: { name: 'a', address: '192.0.2.11' }, peer: { name: 'b' }, paused: false });
  expect(inspectCertificate(settings.tls.certificate)).toMatchObject({
    commonName: 'hallkeeper-member',
    ipAddresses: ['192.0.2.11'],
    identity: { kind: 'member', pairUid: pair.metadata.uid, name: 'a' },
  });

  // With its token a member reaches its own Secret and the record of its pair, and nothing else.
  const member = cluster.withToken(secret[tokenKey] ?? '');
  expect((await member.get(secrets, key('hallkeeper-fresh-a'), signal)).metadata.name).toBe('hallkeeper-fresh-a');
  const next = { ...record, spec: { ...record.spec, sequence: 1, reason: 'settled', author: 'a' } } as PairRecord;
  expect((await member.update(pairRecords, next, signal)).spec.sequence).toBe(1);
  const forbidden = [
    member.get(secrets, key('hallkeeper-fresh-b'), signal),
    member.get(secrets, key('hallkeeper-fresh-ca'), signal),
    member.list(secrets, { namespace }, signal),
    member.get(failoverPairs, key('fresh'), signal),
    member.delete(pairRecords, key('fresh'), {}, signal),
  ];
  const outcomes = await Promise.allSettled(forbidden);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && isKubeError(outcome.reason, 'HK_KUBE_FORBIDDEN'))).toEqual(
    forbidden.map(() => true),
  );

  await cluster.until(
    'the members were asked',
    failoverPairs,
    key('fresh'),
    (seen) => conditionOf(seen, 'MembersReachable')?.status === 'False',
  );
  await operator.stop();
  const versions = async (): Promise<readonly (string | undefined)[]> => {
    const [found, ...rest] = await Promise.all([
      cluster.admin.get(pairRecords, key('fresh'), signal),
      cluster.admin.get(secrets, key('hallkeeper-fresh-ca'), signal),
      cluster.admin.get(secrets, key('hallkeeper-fresh-a'), signal),
      cluster.admin.get(secrets, key('hallkeeper-fresh-b'), signal),
      cluster.admin.get(serviceAccounts, key('hallkeeper-fresh-a'), signal),
      cluster.admin.get(roles, key('hallkeeper-fresh-a'), signal),
    ]);
    return [found, ...rest].map(({ metadata }) => metadata.resourceVersion);
  };
  const before = await versions();
  const again = await cluster.operator();
  await eventually('every member was asked twice', () => asked(again) >= 4, patience);
  expect(await versions()).toEqual(before);
  // A new leader writes its lease and nothing else.
  expect(again.writes.filter((write) => !write.startsWith('update'))).toEqual([]);
  await again.stop();
  expect([...operator.fatal, ...again.fatal]).toEqual([]);
}, 240_000);
