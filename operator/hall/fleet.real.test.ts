import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { Secret } from '#lib/base/secret.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { clientCredentials } from '#lib/link/credentials.ts';
import { anyMemberOf, clientTls, pairAuthority } from '#lib/pki/trust.ts';
import { aHall, aPair, aTerminal } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { freePort } from '#test/cluster/ports.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import type { HallProcess } from '#test/hall/hall-process.ts';
import { startPlainPostgres } from '#test/hall/plain-postgres.ts';
import type { PlainPostgres } from '#test/hall/plain-postgres.ts';
import { rawTerminal } from '#test/hall/raw-terminal.ts';
import { failoverPairs, halls, secrets, terminals } from '../resources.ts';
import { rooms } from '../rooms.ts';
import { decodeData } from '../secret-data.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { settingsOf, startServedHall } from '../testing/served-hall.ts';

/** A hall server that runs with nothing but what the operator made: certificates, roster and feed meet for real. */
let folder: TemporaryFolder;
let cluster: OperatorCluster;
let operator: RunningOperator;
let postgres: PlainPostgres;
let server: HallProcess;
let port: number;
let pair: FailoverPair;
const signal = anySignal();
const hall = 'north';
const key = (name: string) => ({ namespace, name });

const conditionOf = (object: Hall | Terminal, type: string): Condition | undefined =>
  findCondition(object.status?.conditions as readonly Condition[] | undefined, type);
const storedTerminals = async (): Promise<readonly unknown[]> =>
  (await postgres.query('select name from ledger.terminal order by name')).map((row) => row['name']);

async function createTerminal(name: string): Promise<void> {
  await cluster.admin.create(terminals, aTerminal({ name, namespace, spec: { hallRef: { name: hall } } }) as Terminal, signal);
}

beforeAll(async () => {
  folder = await temporaryFolder('operator-hall');
  [cluster, postgres, port] = await Promise.all([startOperatorCluster(rooms), startPlainPostgres(), freePort()]);
  operator = await cluster.operator();
  const members = ['127.0.0.1', '127.0.0.2'].map((address, index) => ({ name: 'ab'[index] ?? '', host: { address } }));
  const spec = { members, hallServer: { port, adminPort: await freePort() } };
  pair = await cluster.admin.create(failoverPairs, aPair({ name: hall, namespace, spec }) as FailoverPair, signal);
  const heartbeat = { interval: '200ms', offlineAfter: '1s', hungAfter: '2s', grace: '500ms' };
  const wanted = aHall({ name: hall, namespace, spec: { failoverPairRef: { name: hall }, heartbeat } });
  await cluster.admin.create(halls, wanted as Hall, signal);
  for (const name of ['t1', 't2', 't3']) await createTerminal(name);
  const told = await cluster.until(
    'the members are told of the hall',
    secrets,
    key(`hallkeeper-${hall}-a`),
    (secret) => settingsOf(secret).hallServer !== undefined,
  );
  server = await startServedHall(folder.path, settingsOf(told), postgres);
  server.control({ do: 'lead', epoch: 3 });
}, 240_000);

afterAll(async () => {
  await operator?.stop();
  await server?.kill();
  await cluster?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
  await folder?.remove();
}, 60_000);

test('the roster reaches the hall server, and the Hall says that it is reachable', async () => {
  const reached = await cluster.until(
    'the hall is reachable',
    halls,
    key(hall),
    (object) => conditionOf(object, 'FleetReachable')?.status === 'True',
  );
  expect(conditionOf(reached, 'Ready')).toMatchObject({ status: 'True' });
  await eventually('the roster is stored', async () => (await storedTerminals()).length === 3, patience);
  expect(await storedTerminals()).toEqual(['t1', 't2', 't3']);
  await cluster.until('silent terminals are offline', halls, key(hall), (object) => object.status?.terminals?.offline === 3);
});

test('a terminal attaches with the certificate of its Secret, and its state reaches its status and the counts', async () => {
  const data = decodeData(await cluster.admin.get(secrets, key('hallkeeper-terminal-t1'), signal));
  const hints = JSON.parse(data['connection.json'] ?? '') as { readonly trustDomain: string; readonly pair: { readonly uid: string } };
  const identity = { trustDomain: hints.trustDomain, pairUid: hints.pair.uid };
  expect(identity.pairUid).toBe(pair.metadata.uid);
  const own = { certificatePem: data['tls.crt'] ?? '', privateKeyPem: new Secret(data['tls.key'] ?? '') };
  const trust = [pairAuthority(data['ca.crt'] ?? '', identity)];
  const credentials = clientCredentials(clientTls(own, trust, { expected: anyMemberOf(identity) }));
  using terminal = rawTerminal(port, credentials, 't1');
  terminal.hello();
  await terminal.until('welcome');
  let progress = 1n;
  const beating = setInterval(() => terminal.beat({ gameProgress: (progress += 1n) }), 200);
  try {
    await cluster.until('one terminal is counted online', halls, key(hall), (object) => object.status?.terminals?.summary === '1/3');
    const online = await cluster.until('it is online', terminals, key('t1'), (object) => object.status?.state === 'Online');
    expect(online.status).toMatchObject({ state: 'Online', since: expect.stringMatching(/Z$/) });
    await cluster.until('its agent is known', terminals, key('t1'), (object) => object.status?.agentVersion === '0.1.0');
  } finally {
    clearInterval(beating);
  }
  await cluster.until('it is offline', terminals, key('t1'), (object) => object.status?.state === 'Offline');
});

test('a suspended terminal is in maintenance, and one that is deleted leaves the roster', async () => {
  const suspend = { op: 'add', path: '/spec/suspend', value: { reason: 'a new screen' } } as const;
  await cluster.admin.patch(terminals, key('t2'), { type: 'json', operations: [suspend] }, signal);
  await cluster.until('it is in maintenance', terminals, key('t2'), (object) => object.status?.state === 'Maintenance');
  await cluster.admin.delete(terminals, key('t3'), {}, signal);
  await eventually('it is gone from the ledger', async () => (await storedTerminals()).length === 2, patience);
  const hallNow = await cluster.until('two are counted', halls, key(hall), (object) => object.status?.terminals?.total === 2);
  expect(hallNow.status?.terminals).toMatchObject({ maintenance: 1, offline: 1, summary: '0/2' });
});

test('a hall server that is gone makes the Hall unreachable and leaves the terminals as they were; back again, all is as before', async () => {
  const before = await cluster.admin.get(terminals, key('t1'), signal);
  const written = operator.writes.length;
  await server.kill();
  await cluster.until('the hall is unreachable', halls, key(hall), (object) => conditionOf(object, 'FleetReachable')?.status === 'False');
  expect((await cluster.admin.get(terminals, key('t1'), signal)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  expect(operator.writes.slice(written).filter((write) => write.startsWith('apply'))).toHaveLength(1);
  const told = await cluster.admin.get(secrets, key(`hallkeeper-${hall}-a`), signal);
  server = await startServedHall(folder.path, settingsOf(told), postgres);
  server.control({ do: 'lead', epoch: 4 });
  await cluster.until(
    'the hall is reachable again',
    halls,
    key(hall),
    (object) => conditionOf(object, 'FleetReachable')?.status === 'True',
  );
});

test('a hall server whose ledger was lost is given the roster again', async () => {
  server.control({ do: 'follow' });
  await server.untilEvent('following');
  await postgres.query('drop schema ledger cascade');
  server.control({ do: 'lead', epoch: 5 });
  await eventually('the roster is stored again', async () => (await storedTerminals()).length === 2, patience);
});
