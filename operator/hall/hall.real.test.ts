import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { aHall, aPair, aTerminal } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { failoverPairs, halls, secrets, terminals } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { rooms } from '../rooms.ts';
import { anySignal, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';

let cluster: OperatorCluster;
let operator: RunningOperator;
const signal = anySignal();
const key = (name: string, where = namespace) => ({ namespace: where, name });

beforeAll(async () => {
  cluster = await startOperatorCluster(rooms);
  operator = await cluster.operator();
}, 240_000);

afterAll(async () => {
  await operator?.stop();
  await cluster?.[Symbol.asyncDispose]();
}, 60_000);

const conditionOf = (object: Hall | Terminal, type: string): Condition | undefined =>
  findCondition(object.status?.conditions as readonly Condition[] | undefined, type);
const isReady = (object: Hall | Terminal): boolean => conditionOf(object, 'Ready')?.status === 'True';

let lastAddress = 10;
async function createPair(name: string, where = namespace): Promise<FailoverPair> {
  const members = ['a', 'b'].map((member) => ({ name: member, host: { address: `192.0.2.${(lastAddress += 1)}` } }));
  const manifest = aPair({ name, namespace: where, spec: { members } });
  return cluster.admin.create(failoverPairs, manifest as FailoverPair, signal);
}

async function createHall(wanted: Parameters<typeof aHall>[0]): Promise<Hall> {
  return cluster.admin.create(halls, aHall({ namespace, ...wanted }) as Hall, signal);
}

async function createTerminals(hall: string, count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `${hall}-t${String(index + 1).padStart(3, '0')}`);
  for (const name of names) {
    await cluster.admin.create(terminals, aTerminal({ name, namespace, spec: { hallRef: { name: hall } } }) as Terminal, signal);
  }
  return names;
}

test('a Hall with 30 Terminals counts them, and each gets its certificate', async () => {
  const pair = await createPair('thirty');
  await createHall({ name: 'thirty', spec: { failoverPairRef: { name: 'thirty' } } });
  const names = await createTerminals('thirty', 30);
  const hall = await cluster.until(
    'the hall counts its terminals',
    halls,
    key('thirty'),
    (object) => object.status?.terminals?.total === 30,
  );
  expect(hall.status?.terminals).toEqual({
    total: 30,
    online: 0,
    hung: 0,
    commError: 0,
    offline: 0,
    maintenance: 0,
    unknown: 30,
    summary: '0/30',
  });
  await cluster.until('the hall is ready', halls, key('thirty'), isReady);
  for (const name of names) await cluster.until(`${name} is ready`, terminals, key(name), isReady);

  const data = decodeData(await cluster.admin.get(secrets, key('hallkeeper-terminal-thirty-t001'), signal));
  expect(inspectCertificate(data['tls.crt'] ?? '')).toMatchObject({
    identity: { kind: 'terminal', hall: 'thirty', name: 'thirty-t001' },
    usages: ['client'],
  });
  const authority = decodeData(await cluster.admin.get(secrets, key('hallkeeper-thirty-ca'), signal));
  expect(data['ca.crt']).toBe(authority['ca.crt']);
  expect(JSON.parse(data['connection.json'] ?? '')).toMatchObject({
    hall: 'thirty',
    terminal: 'thirty-t001',
    pair: { uid: pair.metadata.uid },
  });
  const exporter = decodeData(await cluster.admin.get(secrets, key('hallkeeper-hall-thirty-exporter'), signal));
  expect(inspectCertificate(exporter['tls.crt'] ?? '').identity).toMatchObject({ kind: 'exporter', hall: 'thirty', name: 'terminals' });
  const unreachable = await cluster.until(
    'the hall is unreachable',
    halls,
    key('thirty'),
    (object) => conditionOf(object, 'FleetReachable')?.status === 'False',
  );
  expect(conditionOf(unreachable, 'FleetReachable')).toMatchObject({ reason: 'Unreachable' });
});

test('a Hall that names a missing pair says so and what to do, and takes the pair as soon as it comes', async () => {
  await createHall({ name: 'early', spec: { failoverPairRef: { name: 'late' } } });
  const waiting = await cluster.until('the hall says it', halls, key('early'), (hall) => conditionOf(hall, 'Ready') !== undefined);
  expect(conditionOf(waiting, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'PairMissing',
    message: expect.stringContaining('create it'),
  });
  await createPair('late');
  await cluster.until('the hall is ready', halls, key('early'), isReady);
});
