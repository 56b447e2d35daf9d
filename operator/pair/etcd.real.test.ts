import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { namespace } from '#test/api/api-server.ts';
import { aPairOperation } from '#test/api/builders.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { failoverPairs, pairOperations, pairRecords, roles, secrets } from '../resources.ts';
import { anySignal, patience } from '../testing/cluster.ts';
import type { OperatorCluster } from '../testing/cluster.ts';
import { conditionOf, isReady, settingsOf } from '../testing/pairs.ts';
import { quickPairRoom } from '../testing/quick-pair-room.ts';
import type { StandInMember } from '../testing/stand-in-member.ts';
import { StandInPair } from '../testing/stand-in-pair.ts';

/** A pair whose record an etcd keeps: the operator learns of it from the members alone. Two endpoints answer as the tests choose. */
let standIn: StandInPair;
let cluster: OperatorCluster;
let a: StandInMember;
let b: StandInMember;
const signal = anySignal();
const pairKey = { namespace, name: 'trio' };
const secretName = 'etcd-client';
const endpoints = ['https://10.20.0.13:2379', 'https://etcd-2.hall.test:2379'];

async function certificates(): Promise<Readonly<Record<string, string>>> {
  const authority = await createAuthority({ commonName: 'etcd ca', nowMs: Date.now() });
  const identity = { kind: 'operator', trustDomain: 'etcd.test' } as const;
  const leaf = await issueLeaf(authority, { identity, commonName: 'member', usages: ['client'], nowMs: Date.now() });
  return { 'tls.crt': leaf.certificatePem, 'tls.key': leaf.privateKeyPem.reveal(), 'ca.crt': authority.certificatePem };
}

async function putSecret(stringData: Readonly<Record<string, string>>): Promise<void> {
  const metadata = { namespace, name: secretName };
  const known = await cluster.admin.find(secrets, metadata, signal);
  if (known !== undefined) await cluster.admin.delete(secrets, metadata, {}, signal);
  await cluster.admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, stringData }, signal);
}

beforeAll(async () => {
  const arbiter = { etcd: { endpoints, tlsSecretRef: { name: secretName } } };
  standIn = await StandInPair.start({ rooms: [quickPairRoom], name: pairKey.name, arbiter });
  ({ cluster } = standIn);
}, 240_000);

afterAll(() => standIn?.[Symbol.asyncDispose]());

const until = (what: string, holds: (pair: FailoverPair) => boolean): Promise<FailoverPair> => standIn.until(what, holds);

test('without a certificate for its etcd a pair is refused, with everything that is wrong', async () => {
  const refused = await until('the missing Secret is told', (pair) => conditionOf(pair, 'Ready')?.reason === 'SpecRefused');
  expect(conditionOf(refused, 'Ready')?.message).toBe(
    'arbiter.etcd.tlsSecretRef names the Secret etcd-client, which does not exist: create it',
  );
  await putSecret({ 'tls.crt': 'no certificate', 'tls.key': 'no key' });
  const unusable = await until('the unusable Secret is told', (pair) => (conditionOf(pair, 'Ready')?.message ?? '').includes('ca.crt'));
  expect(conditionOf(unusable, 'Ready')?.message).toContain('has no key ca.crt');
}, 240_000);

test('with one the members are told, no record is made for them, and they have no right to any', async () => {
  const data = await certificates();
  await putSecret(data);
  await until('the pair is ready', isReady);
  for (const member of ['a', 'b']) {
    const { arbiter } = (await settingsOf(cluster, namespace, pairKey.name, member)).settings;
    expect(arbiter).toMatchObject({ kind: 'etcd', endpoints, prefix: '/hallkeeper/pairs' });
    if (arbiter.kind !== 'etcd') throw new Error('the arbiter is an etcd');
    expect(arbiter.tls.certificate.trim()).toBe(data['tls.crt']?.trim());
    expect(arbiter.tls.key.reveal().trim()).toBe(data['tls.key']?.trim());
    const role = await cluster.admin.get(roles, { namespace, name: `hallkeeper-trio-${member}` }, signal);
    expect(role.rules.flatMap(({ resources }) => resources)).not.toContain('pairrecords');
  }
  expect(await cluster.admin.find(pairRecords as never, pairKey, signal)).toBeUndefined();
  const never = await cluster.admin.get(failoverPairs, pairKey, signal);
  expect(conditionOf(never, 'ZeroLossFailoverPossible')).toMatchObject({ status: 'False', reason: 'NeverLed' });
}, 240_000);

test('mode, primary and epoch are what the members tell', async () => {
  a = await standIn.answerFor('a');
  b = await standIn.answerFor('b');
  const record = { mode: 'solo', primary: 'a', epoch: 1, sequence: 2 };
  a.status = { ...a.status, role: 'primary', serving: true, record };
  b.status = { ...b.status, record: { mode: 'new', primary: '-', epoch: 0, sequence: 0 } };
  const alone = await until('the newest record is told', (pair) => pair.status?.mode === 'Solo');
  expect(alone.status).toMatchObject({ mode: 'Solo', primary: 'a', standby: 'b', epoch: 1 });

  a.status = { ...a.status, record: { ...record, mode: 'sync', sequence: 3 }, lagBytes: 0 };
  b.status = { ...b.status, record: { ...record, mode: 'sync', sequence: 3 } };
  await until('it is synchronous', (pair) => pair.status?.mode === 'Sync');

  const next = { mode: 'claim', primary: 'b', epoch: 2, sequence: 4 };
  b.status = { ...b.status, record: next };
  await until('the claim is told', (pair) => pair.status?.mode === 'Claim' && pair.status.primary === 'b');
  b.status = { ...b.status, role: 'primary', serving: true, record: { ...next, mode: 'solo', sequence: 5 } };
  a.status = { ...a.status, role: 'standby', serving: false };
  expect((await until('the new primary is told', (pair) => pair.status?.mode === 'Solo')).status).toMatchObject({ primary: 'b', epoch: 2 });
  a.status = { ...a.status, record: { ...next, mode: 'sync', sequence: 6 } };
  b.status = { ...b.status, record: { ...next, mode: 'sync', sequence: 6 }, lagBytes: 0 };
  await until('both know that it is synchronous', (pair) => pair.status?.mode === 'Sync');
}, 240_000);

test('a switchover is asked for and done by what the members tell', async () => {
  const manifest = aPairOperation({ name: 'back', spec: { pairRef: { name: pairKey.name }, member: 'a' } });
  const object = { ...manifest, metadata: { ...manifest.metadata, namespace } };
  const operation = await cluster.admin.create(pairOperations, object as never, signal);
  await eventually('the primary is asked', () => b.asked.some(({ id }) => id === operation.metadata.uid), patience);
  const record = { mode: 'solo', primary: 'a', epoch: 3, sequence: 8 };
  a.status = { ...a.status, role: 'primary', serving: true, record };
  b.status = { ...b.status, role: 'standby', serving: false };
  const ended = await cluster.until(
    'it has ended',
    pairOperations,
    { namespace, name: 'back' },
    ({ status }) => status?.completedAt !== undefined,
  );
  expect(conditionOf(ended, 'Complete')).toMatchObject({ status: 'True', message: 'a leads in epoch 3' });
}, 240_000);

test('an operator that starts anew goes on from the status; a loss that a member tells of is told', async () => {
  await standIn.restartOperator();
  expect((await cluster.admin.get(failoverPairs, pairKey, signal)).status).toMatchObject({ primary: 'a', epoch: 3 });
  const facts = { ...a.status.facts, frozen: 'the record is missing' };
  a.status = { ...a.status, record: undefined, blockedBy: 'RecordLost', facts };
  b.status = { ...b.status, record: undefined };
  const lost = await until('the loss is told', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.reason === 'RecordLost');
  expect(conditionOf(lost, 'ZeroLossFailoverPossible')?.message).toContain('the record is missing');
  expect(lost.status).toMatchObject({ primary: 'a', epoch: 3 });
}, 240_000);

test('a renewed certificate in the Secret reaches the members; one that is gone leaves them the one they have', async () => {
  const data = await certificates();
  await putSecret(data);
  const held = async (): Promise<string> => {
    const { arbiter } = (await settingsOf(cluster, namespace, pairKey.name, 'b')).settings;
    return arbiter.kind === 'etcd' ? arbiter.tls.certificate.trim() : '';
  };
  await eventually('the settings hold it', async () => (await held()) === data['tls.crt']?.trim(), patience);
  await cluster.admin.delete(secrets, { namespace, name: secretName }, {}, signal);
  await until('the loss is told', (pair) => conditionOf(pair, 'Ready')?.reason === 'SpecRefused');
  expect(await held()).toBe(data['tls.crt']?.trim());
}, 240_000);
