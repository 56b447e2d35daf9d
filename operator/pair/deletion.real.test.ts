import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Hall } from '#lib/api/hall.gen.ts';
import { kubeEvents } from '#lib/kube/events.ts';
import { defineResource } from '#lib/kube/objects.ts';
import { aHall } from '#test/api/builders.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { endpointSlices, failoverPairs, halls, pairRecords, roles, secrets, serviceAccounts } from '../resources.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { conditionOf, createPair, isReady, membersAt, writeRecord } from '../testing/pairs.ts';
import { pairRoom } from './pair-room.ts';

/** Deletion as people do it, with a real kube-controller-manager that collects what is owned and empties namespaces. */
let cluster: OperatorCluster;
let operator: RunningOperator;
const signal = anySignal();
const namespaces = defineResource({ apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false });

beforeAll(async () => {
  cluster = await startOperatorCluster([pairRoom], { controllerManager: true });
  operator = await cluster.operator();
}, 240_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  expect(operator?.fatal).toEqual([]);
});

let network = 40;

/** A pair in a namespace of its own, at addresses of its own. */
async function aReadyPair(namespace: string, spec: NonNullable<Parameters<typeof createPair>[2]>['spec'] = {}): Promise<void> {
  await cluster.admin.create(namespaces, { metadata: { name: namespace } }, signal);
  network += 2;
  const members = membersAt(`198.51.100.${network}`, `198.51.100.${network + 1}`);
  await createPair(cluster, namespace, { name: 'duo', spec: { members, ...spec } });
  await cluster.until('the pair is ready', failoverPairs, { namespace, name: 'duo' }, isReady);
}

const kubectl = (namespace: string, ...args: readonly string[]): Promise<string> =>
  cluster.server.kubectl('--namespace', namespace, ...args);

async function remaining(namespace: string): Promise<readonly string[]> {
  const names = ['hallkeeper-duo-ca', 'hallkeeper-duo-a', 'hallkeeper-duo-b'];
  const found = await Promise.all([
    cluster.admin.find(pairRecords, { namespace, name: 'duo' }, signal).then((object) => object && 'record'),
    ...names.map((name) => cluster.admin.find(secrets, { namespace, name }, signal).then((object) => object && `Secret ${name}`)),
    cluster.admin.find(serviceAccounts, { namespace, name: 'hallkeeper-duo-a' }, signal).then((object) => object && 'account'),
    cluster.admin.find(roles, { namespace, name: 'hallkeeper-duo-a' }, signal).then((object) => object && 'role'),
  ]);
  return found.filter((each) => each !== undefined);
}

const everything = ['record', 'Secret hallkeeper-duo-ca', 'Secret hallkeeper-duo-a', 'Secret hallkeeper-duo-b', 'account', 'role'];

test('deleted in the foreground, a retained pair leaves its members all they need', async () => {
  await aReadyPair('retained');
  expect((await cluster.admin.get(failoverPairs, { namespace: 'retained', name: 'duo' }, signal)).metadata.finalizers).toBeUndefined();
  const asMember = (member: string) => ({ namespace: 'retained', pair: 'duo', member });
  await writeRecord(cluster, asMember('a'), { mode: 'Solo', primary: 'a', epoch: 1 });
  await writeRecord(cluster, asMember('a'), { mode: 'Sync' });
  await writeRecord(cluster, asMember('b'), { mode: 'Claim', primary: 'b', epoch: 2 });
  await writeRecord(cluster, asMember('b'), { mode: 'Solo' });
  await kubectl('retained', 'delete', 'pair', 'duo', '--cascade=foreground', '--timeout=60s');
  await cluster.untilGone(failoverPairs, { namespace: 'retained', name: 'duo' });
  // The collector works within seconds; a later pair of another namespace shows that it had time.
  await aReadyPair('collector-pulse', { deletionPolicy: 'Delete' });
  await kubectl('collector-pulse', 'delete', 'pair', 'duo', '--cascade=foreground', '--timeout=60s');
  await cluster.untilGone(failoverPairs, { namespace: 'collector-pulse', name: 'duo' });
  expect(await remaining('retained')).toEqual(everything);
  expect(await remaining('collector-pulse')).toEqual([]);

  // A new pair of the same name does not take over what the old one left: its members may live.
  const service = { name: 'led', ports: [{ name: 'hall', port: 7443 }] };
  await createPair(cluster, 'retained', { name: 'duo', spec: { members: membersAt('198.51.100.11', '198.51.100.12'), service } });
  const refused = await cluster.until(
    'the new pair is refused',
    failoverPairs,
    { namespace: 'retained', name: 'duo' },
    (pair) => pair.status !== undefined,
  );
  expect(conditionOf(refused, 'Ready')?.reason).toBe('SpecRefused');
  expect(conditionOf(refused, 'Ready')?.message).toContain('belongs to an earlier pair of this name');
  // Nor does it take anything from the record: what it has led is not what the old one led.
  expect(refused.status?.mode).toBeUndefined();
  expect(refused.status?.epoch).toBeUndefined();
  const old = await cluster.admin.get(pairRecords, { namespace: 'retained', name: 'duo' }, signal);
  expect(old.spec.epoch).toBe(2);
  await kubectl('retained', 'annotate', 'pairrecord', 'duo', `hallkeeper.dev/retired=${old.metadata.uid ?? ''}`);
  await kubectl('retained', 'delete', 'pairrecord', 'duo');
  expect(await cluster.admin.find(endpointSlices, { namespace: 'retained', name: 'led-hallkeeper' }, signal)).toBeUndefined();
  await kubectl('retained', 'delete', 'sa,role,rolebinding,secret', '-l', 'hallkeeper.dev/pair=duo');
  const ready = await cluster.until('the new pair is ready', failoverPairs, { namespace: 'retained', name: 'duo' }, isReady);
  expect(ready.status).toMatchObject({ mode: 'New', epoch: 0 });
  await writeRecord(cluster, asMember('a'), { mode: 'Solo', primary: 'a', epoch: 1 });
  await cluster.until(
    'the slice follows the new record',
    endpointSlices,
    { namespace: 'retained', name: 'led-hallkeeper' },
    ({ endpoints, metadata }) => endpoints?.[0]?.addresses[0] === '198.51.100.11' && metadata.annotations?.['hallkeeper.dev/epoch'] === '1',
  );
}, 240_000);

test('a pair that serves a Hall is not deleted before the Hall is', async () => {
  await aReadyPair('used');
  const key = { namespace: 'used', name: 'duo' };
  const manifest = aHall({ name: 'hall-used', spec: { failoverPairRef: { name: 'duo' } } });
  const hall = { ...manifest, metadata: { ...manifest.metadata, namespace: 'used', finalizers: ['test.hallkeeper.dev/hold'] } };
  await cluster.admin.create(halls, hall as unknown as Hall, signal);
  await cluster.until('the use is told', failoverPairs, key, (pair) => pair.status?.usedBy?.includes('hall-used') === true);
  await expect(kubectl('used', 'delete', 'pair', 'duo')).rejects.toThrow(/the pair still serves the Hall hall-used/);
  await cluster.admin.delete(halls, { namespace: 'used', name: 'hall-used' }, {}, signal);
  await cluster.until('the use has ended', failoverPairs, key, (pair) => pair.status?.usedBy?.length === 0);
  await kubectl('used', 'delete', 'pair', 'duo', '--timeout=60s');
  await cluster.admin.patch(
    halls,
    { namespace: 'used', name: 'hall-used' },
    { type: 'merge', body: { metadata: { finalizers: null } } },
    signal,
  );
}, 240_000);

test('a namespace that is deleted keeps the record of a retained pair until a person retires it', async () => {
  await aReadyPair('going');
  await kubectl('default', 'delete', 'namespace', 'going', '--wait=false');
  await cluster.untilGone(failoverPairs, { namespace: 'going', name: 'duo' });
  const left = await eventually(
    'the namespace says what it waits for',
    async () => {
      const { status } = (await cluster.admin.get(namespaces, { name: 'going' }, signal)) as {
        readonly status?: { readonly conditions?: readonly unknown[] };
      };
      return conditionOf({ status: status ?? {} }, 'NamespaceDeletionContentFailure')?.status === 'True' ? status : undefined;
    },
    patience,
  );
  expect(JSON.stringify(left)).toContain('stop both of them for good');
  expect(await remaining('going')).toContain('record');
  const { uid } = (await cluster.admin.get(pairRecords, { namespace: 'going', name: 'duo' }, signal)).metadata;
  await kubectl('going', 'annotate', 'pairrecord', 'duo', `hallkeeper.dev/retired=${uid}`);
  await cluster.untilGone(namespaces, { name: 'going' });
}, 300_000);

test('a namespace with a pair that is to be taken down goes by itself', async () => {
  await aReadyPair('taken-down', { deletionPolicy: 'Delete' });
  // Whoever takes the finalizer off by mistake does not take the clean-up away.
  const key = { namespace: 'taken-down', name: 'duo' };
  const stripped = await cluster.admin.patch(failoverPairs, key, { type: 'merge', body: { metadata: { finalizers: null } } }, signal);
  expect(stripped.metadata.finalizers).toBeUndefined();
  await cluster.until('the finalizer is back', failoverPairs, key, ({ metadata }) => metadata.finalizers?.length === 1);
  await kubectl('default', 'delete', 'namespace', 'taken-down', '--wait=false');
  await cluster.untilGone(namespaces, { name: 'taken-down' });
}, 300_000);

test('a deletion that waits for a DNS server says so, and one whose key is gone is given up with an event', async () => {
  await cluster.admin.create(namespaces, { metadata: { name: 'silent-dns' } }, signal);
  const secret = { metadata: { namespace: 'silent-dns', name: 'tsig' }, stringData: { key: 'c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==' } };
  await cluster.admin.create(secrets, secret, signal);
  const dns = {
    zone: 'halls.test',
    name: 'duo.halls.test',
    tsigKeyName: 'k',
    tsigSecretRef: { name: 'tsig', key: 'key' },
    servers: [{ address: '127.0.0.1', port: 1 }],
  };
  const key = { namespace: 'silent-dns', name: 'duo' };
  await createPair(cluster, 'silent-dns', {
    name: 'duo',
    spec: { members: membersAt('198.51.100.21', '198.51.100.22'), dns, deletionPolicy: 'Delete' },
  });
  await cluster.until('the pair is ready', failoverPairs, key, isReady);
  await kubectl('silent-dns', 'delete', 'pair', 'duo', '--wait=false');
  const held = await cluster.until(
    'the wait is told',
    failoverPairs,
    key,
    (pair) => conditionOf(pair, 'Progressing')?.reason === 'Deleting',
  );
  expect(conditionOf(held, 'Progressing')?.message).toContain('the records of duo.halls.test at 127.0.0.1 port 1');
  expect(await remaining('silent-dns')).toEqual(everything);
  await cluster.admin.delete(secrets, { namespace: 'silent-dns', name: 'tsig' }, {}, signal);
  await cluster.untilGone(failoverPairs, key);
  expect(await remaining('silent-dns')).toEqual([]);
  const told = await eventually(
    'the event is there',
    async () =>
      (await cluster.admin.list(kubeEvents, { namespace: 'silent-dns' }, signal)).items.find(({ reason }) => reason === 'CleanUpGivenUp'),
    patience,
  );
  expect(told.note).toContain('remove by hand: the records of duo.halls.test');
}, 240_000);
