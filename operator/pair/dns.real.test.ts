import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { startBind } from '#test/cluster/bind.ts';
import type { Bind } from '#test/cluster/bind.ts';
import { namespace } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { failoverPairs, secrets } from '../resources.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { conditionOf, createPair, isReady, membersAt, writeRecord } from '../testing/pairs.ts';
import { pairRoom } from './pair-room.ts';

/** The name of a pair on a real BIND, with no member that would write it. */
let cluster: OperatorCluster;
let operator: RunningOperator;
let bind: Bind;
const signal = anySignal();
const key = { namespace, name: 'named' };

beforeAll(async () => {
  bind = await startBind({ keyNames: ['hallkeeper', 'other'] });
  cluster = await startOperatorCluster([pairRoom]);
  operator = await cluster.operator();
}, 240_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await bind?.stop();
  expect(operator?.fatal).toEqual([]);
});

const until = (reason: string): Promise<FailoverPair> =>
  cluster.until(`DNSInSync says ${reason}`, failoverPairs, key, (pair) => conditionOf(pair, 'DNSInSync')?.reason === reason);

test('a server that stayed behind is told again, a wrong key and a server that is down are named, and a pair taken down leaves no name', async () => {
  const secret = { metadata: { namespace, name: 'tsig' }, stringData: { key: bind.key.secret } };
  await cluster.admin.create(secrets, secret, signal);
  const servers = [{ address: bind.address, port: bind.port }];
  const dns = {
    zone: bind.zone,
    name: `named.${bind.zone}`,
    servers,
    tsigKeyName: bind.key.name,
    tsigSecretRef: { name: 'tsig', key: 'key' },
  };
  await createPair(cluster, namespace, {
    name: 'named',
    spec: { members: membersAt('192.0.2.51', '192.0.2.52'), dns, deletionPolicy: 'Delete' },
  });
  await cluster.until('the pair is ready', failoverPairs, key, isReady);
  await until('NotLedYet');
  await writeRecord(cluster, { namespace, pair: 'named', member: 'a' }, { mode: 'Solo', primary: 'a', epoch: 1 });
  expect(conditionOf(await until('OutOfSync'), 'DNSInSync')?.message).toContain('it has no record');
  await until('InSync');
  expect(await bind.addressesOf('named')).toEqual(['192.0.2.51']);

  await bind.halt();
  await until('ServerUnreachable');
  await bind.start();
  await until('InSync');

  const foreign = { type: 'merge', body: { stringData: { key: bind.keys[1]?.secret } } } as const;
  await cluster.admin.patch(secrets, { namespace, name: 'tsig' }, foreign, signal);
  await until('KeyRefused');
  await cluster.admin.patch(
    secrets,
    { namespace, name: 'tsig' },
    { type: 'merge', body: { stringData: { key: bind.key.secret } } },
    signal,
  );
  await until('InSync');

  await cluster.admin.delete(failoverPairs, key, {}, signal);
  await cluster.untilGone(failoverPairs, key);
  await eventually('the name is gone', async () => (await bind.addressesOf('named')).length === 0, patience);
}, 300_000);
