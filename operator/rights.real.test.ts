import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { aHall, aPair } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { failoverPairs, halls, secrets } from './resources.ts';
import { rooms } from './rooms.ts';
import { decodeData, encodeData } from './secret-data.ts';
import { anySignal, startOperatorCluster } from './testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from './testing/cluster.ts';

/** The operator with rights in one namespace, as operator/rbac.yaml advises, and what that must leave it in its own. */
let cluster: OperatorCluster;
let operator: RunningOperator | undefined;
const signal = anySignal();
const system = 'hallkeeper-system';
const target = { namespace: system, name: 'hallkeeper-alertmanager' };

beforeAll(async () => {
  cluster = await startOperatorCluster(rooms, { boundIn: [namespace] });
}, 240_000);

afterAll(async () => {
  await operator?.stop();
  await cluster?.[Symbol.asyncDispose]();
}, 60_000);

test('with rights in one namespace it serves a hall there, and writes the Alertmanager configuration with the password of the mail server', async () => {
  const password = { metadata: { namespace: system, name: 'mail' }, data: encodeData({ password: 'hush-mail' }) };
  await cluster.admin.create(secrets, password, signal);
  const passwordSecretRef = { name: 'mail', key: 'password' };
  const smtp = { smarthost: 'mail.example.com:587', from: 'h@example.com', username: 'u', passwordSecretRef };
  operator = await cluster.operator({ settings: { namespaces: [namespace], notify: { smtp } } });
  const members = ['a', 'b'].map((name, index) => ({ name, host: { address: `192.0.2.${index + 1}` } }));
  await cluster.admin.create(failoverPairs, aPair({ name: 'north', namespace, spec: { members } }) as FailoverPair, signal);
  const notify = [{ name: 'managers', email: { to: ['anna@example.com'] } }];
  const spec = { failoverPairRef: { name: 'north' }, notify };
  await cluster.admin.create(halls, aHall({ name: 'north', namespace, spec }) as Hall, signal);
  await cluster.until('the hall is routed', halls, { namespace, name: 'north' }, ({ status }) => {
    const conditions = status?.conditions as readonly Condition[] | undefined;
    return findCondition(conditions, 'NotificationsRouted')?.status === 'True';
  });
  const written = await cluster.admin.get(secrets, target, signal);
  expect(decodeData(written)['alertmanager.yaml']).toMatch(/hush-mail[\s\S]*anna@example\.com/);
});

test('elsewhere it has none: not to read, and in its own namespace not to list or to delete', async () => {
  const refused = { code: 'HK_KUBE_FORBIDDEN' };
  await expect(cluster.asOperator.list(secrets, {}, signal)).rejects.toMatchObject(refused);
  await expect(cluster.asOperator.list(secrets, { namespace: 'default' }, signal)).rejects.toMatchObject(refused);
  await expect(cluster.asOperator.get(secrets, { namespace: 'default', name: 'x' }, signal)).rejects.toMatchObject(refused);
  await expect(cluster.asOperator.list(secrets, { namespace: system }, signal)).rejects.toMatchObject(refused);
  await expect(cluster.asOperator.delete(secrets, target, {}, signal)).rejects.toMatchObject(refused);
});

test('a Secret of its own namespace that is not its own it cannot change', async () => {
  const mail = await cluster.asOperator.get(secrets, { namespace: system, name: 'mail' }, signal);
  const taken = { ...mail, data: encodeData({ password: 'other' }) };
  await expect(cluster.asOperator.update(secrets, taken, signal)).rejects.toMatchObject({ code: 'HK_KUBE_FORBIDDEN', reason: 'Forbidden' });
});
