import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { KubeObject, ResourceType } from '#lib/kube/objects.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { aHall, aPair, aTerminal } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { failoverPairs, halls, secrets, terminals } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { rooms } from '../rooms.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { settingsOf } from '../testing/served-hall.ts';

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

test('of two Halls on one pair the second is told who has it, and gets the pair when the first is gone', async () => {
  await createPair('shared');
  await createHall({ name: 'first', spec: { failoverPairRef: { name: 'shared' } } });
  await cluster.until('the first is ready', halls, key('first'), isReady);
  await createHall({ name: 'second', spec: { failoverPairRef: { name: 'shared' } } });
  const second = await cluster.until('the second says it', halls, key('second'), (hall) => conditionOf(hall, 'Ready') !== undefined);
  expect(conditionOf(second, 'Ready')).toMatchObject({ status: 'False', reason: 'PairTaken', message: expect.stringContaining('first') });
  expect(await cluster.admin.find(secrets, key('hallkeeper-hall-second-exporter'), signal)).toBeUndefined();
  const told = await cluster.until(
    'the members are told of the first',
    secrets,
    key('hallkeeper-shared-a'),
    (secret) => settingsOf(secret).hallServer !== undefined,
  );
  expect(settingsOf(told).hallServer?.hall).toBe('first');
  await cluster.admin.delete(halls, key('first'), {}, signal);
  await cluster.until('the second is ready', halls, key('second'), isReady);
  await cluster.until(
    'the members are told of the second',
    secrets,
    key('hallkeeper-shared-a'),
    (secret) => settingsOf(secret).hallServer?.hall === 'second',
  );
});

test('a Hall that turns to a pair in use does not take it, however old the Hall is', async () => {
  await createPair('own-of-old');
  await createPair('own-of-young');
  await createHall({ name: 'old', spec: { failoverPairRef: { name: 'own-of-old' } } });
  await cluster.until('the old one is ready', halls, key('old'), isReady);
  await createHall({ name: 'young', spec: { failoverPairRef: { name: 'own-of-young' } } });
  await cluster.until('the young one is ready', halls, key('young'), isReady);
  const turn = { op: 'replace', path: '/spec/failoverPairRef/name', value: 'own-of-young' } as const;
  await cluster.admin.patch(halls, key('old'), { type: 'json', operations: [turn] }, signal);
  await cluster.until('the old one is told', halls, key('old'), (hall) => conditionOf(hall, 'Ready')?.reason === 'PairTaken');
  expect(isReady(await cluster.admin.get(halls, key('young'), signal))).toBe(true);
  // The pair that it left is free for others.
  await createHall({ name: 'third', spec: { failoverPairRef: { name: 'own-of-old' } } });
  await cluster.until('another has the pair that it left', halls, key('third'), isReady);
});

test('of two Halls of one name in two namespaces the first has it; the other gets nothing until the first is gone', async () => {
  await cluster.server.kubectl('create', 'namespace', 'other');
  await createPair('twin');
  await createPair('twin', 'other');
  await createHall({ name: 'twin', spec: { failoverPairRef: { name: 'twin' } } });
  await cluster.until('the first is ready', halls, key('twin'), isReady);
  await createHall({ name: 'twin', namespace: 'other', spec: { failoverPairRef: { name: 'twin' } } });
  const other = await cluster.until('the second says it', halls, key('twin', 'other'), (hall) => conditionOf(hall, 'Ready') !== undefined);
  expect(conditionOf(other, 'Ready')).toMatchObject({ reason: 'NameTaken', message: expect.stringContaining(`${namespace}/twin`) });
  for (const name of ['hallkeeper-hall-twin-ca', 'hallkeeper-hall-twin-exporter']) {
    expect(await cluster.admin.find(secrets, key(name, 'other'), signal)).toBeUndefined();
  }
  await cluster.admin.delete(halls, key('twin'), {}, signal);
  await cluster.until('the second has the name', halls, key('twin', 'other'), isReady);
});

test('a spec that cannot be met is refused with every problem, and certificates are made all the same', async () => {
  await createPair('refused');
  await createHall({
    name: 'refused',
    spec: {
      failoverPairRef: { name: 'refused' },
      enrolment: { mode: 'Approved', tokenSecretRef: { name: 'token', key: 'token' } },
      channels: [{ name: 'lte', endpoint: 'hall.example:7443' }],
      notify: [{ name: 'night', sms: { numbers: ['+49151000000'] } }],
    },
  });
  const refused = await cluster.until(
    'the hall is refused',
    halls,
    key('refused'),
    (hall) => conditionOf(hall, 'Ready')?.reason === 'SpecRefused',
  );
  for (const part of ['enrolment.mode Approved', 'channels', 'night']) expect(conditionOf(refused, 'Ready')?.message).toContain(part);
  const [terminal = ''] = await createTerminals('refused', 1);
  await cluster.until('its terminal is enrolled', terminals, key(terminal), isReady);
});

test('a Secret of somebody else is never taken over', async () => {
  const data = { mine: Buffer.from('untouched').toString('base64') };
  await cluster.admin.create(secrets, { metadata: key('hallkeeper-terminal-foreign-t001'), data }, signal);
  await createPair('foreign');
  await createHall({ name: 'foreign', spec: { failoverPairRef: { name: 'foreign' } } });
  await cluster.until('the hall is ready', halls, key('foreign'), isReady);
  await createTerminals('foreign', 1);
  const refused = await cluster.until(
    'it is said',
    terminals,
    key('foreign-t001'),
    (terminal) => conditionOf(terminal, 'Ready')?.reason === 'SecretUnusable',
  );
  expect(conditionOf(refused, 'Ready')?.message).toContain('delete or rename it');
  expect((await cluster.admin.get(secrets, key('hallkeeper-terminal-foreign-t001'), signal)).data).toEqual(data);
});

test('a Terminal without a Hall says so; a Hall that is made again finds its authority, and its terminals stay enrolled', async () => {
  await createPair('again');
  const [terminal = ''] = await createTerminals('again', 1);
  await cluster.until('the hall is missed', terminals, key(terminal), (object) => conditionOf(object, 'Ready')?.reason === 'HallMissing');
  await createHall({ name: 'again', spec: { failoverPairRef: { name: 'again' } } });
  await cluster.until('the terminal is enrolled', terminals, key(terminal), isReady);
  const before = decodeData(await cluster.admin.get(secrets, key(`hallkeeper-terminal-${terminal}`), signal));
  await cluster.admin.delete(halls, key('again'), {}, signal);
  await cluster.until(
    'the hall is missed again',
    terminals,
    key(terminal),
    (object) => conditionOf(object, 'Ready')?.reason === 'HallMissing',
  );
  await createHall({ name: 'again', spec: { failoverPairRef: { name: 'again' } } });
  await cluster.until('the terminal is enrolled again', terminals, key(terminal), isReady);
  expect(decodeData(await cluster.admin.get(secrets, key(`hallkeeper-terminal-${terminal}`), signal))).toEqual(before);
});

test('a lost authority is told and not made anew; the members serve on, and no terminal is told anything', async () => {
  const before = await cluster.admin.get(secrets, key('hallkeeper-hall-thirty-ca'), signal);
  const standing = async (): Promise<readonly (string | undefined)[]> => [
    (await cluster.admin.get(secrets, key('hallkeeper-thirty-a'), signal)).metadata.resourceVersion,
    (await cluster.admin.get(secrets, key('hallkeeper-terminal-thirty-t001'), signal)).metadata.resourceVersion,
    (await cluster.admin.get(terminals, key('thirty-t001'), signal)).metadata.resourceVersion,
  ];
  const versions = await standing();
  await cluster.admin.delete(secrets, key('hallkeeper-hall-thirty-ca'), {}, signal);
  const lost = await cluster.until(
    'the loss is told',
    halls,
    key('thirty'),
    (hall) => conditionOf(hall, 'Ready')?.reason === 'AuthorityLost',
  );
  expect(conditionOf(lost, 'Ready')?.message).toMatch(/hallkeeper-hall-thirty-ca is gone.*30 more Secrets.*annotate hall thirty/);
  const { name, namespace: where, labels = {} } = before.metadata;
  await cluster.admin.create(secrets, { metadata: { name, namespace: where ?? '', labels }, data: before.data ?? {} }, signal);
  await cluster.until('the hall is ready again', halls, key('thirty'), isReady);
  expect(await standing()).toEqual(versions);
});

test('while nothing changes nothing is asked, and a restart of the operator writes nothing', async () => {
  const quietMs = 4_000;
  const asked = async (): Promise<string> => (await requestsOf(operator.url)).join('\n');
  await eventually(
    'the operator is quiet',
    async () => {
      const before = await asked();
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      return (await asked()) === before;
    },
    patience,
  );
  const versions = await versionsOf();
  await operator.stop();
  operator = await cluster.operator();
  await eventually(
    'the new operator is quiet',
    async () => {
      const before = await asked();
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      return (await asked()) === before;
    },
    patience,
  );
  expect(await versionsOf()).toEqual(versions);
});

/** Requests of an operator that leads, by verb, without those of the lease. */
async function requestsOf(url: string): Promise<readonly string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const requests = text.split('\n').filter((line) => line.startsWith('rest_client_requests_total{'));
  expect(text).toMatch(/^leader_election_master_status\{.*\} 1$/m);
  return requests.filter((line) => !line.includes('method="PUT"'));
}

/** Of everything that the controllers of Halls and Terminals write. */
async function versionsOf(): Promise<readonly string[]> {
  const types = [halls, terminals, secrets] as readonly ResourceType<KubeObject>[];
  const lists = await Promise.all(types.map((type) => cluster.admin.list(type, {}, signal)));
  return lists
    .flatMap(({ items }) => items.map((object) => `${object.kind} ${keyText(keyOf(object))} ${object.metadata.resourceVersion}`))
    .toSorted();
}
