import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseMemberSettings, settingsKey, tokenKey } from '#agents/member/contract.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { namespace } from '#test/api/api-server.ts';
import { freePort } from '#test/cluster/ports.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { endpointSlices, failoverPairs, pairRecords, roles, secrets, serviceAccounts, services } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { conditionOf, createPair, isReady, membersAt, settingsOf, writeRecord } from '../testing/pairs.ts';
import { pairRoom } from './pair-room.ts';

let cluster: OperatorCluster;
const signal = anySignal();

beforeAll(async () => {
  cluster = await startOperatorCluster([pairRoom]);
}, 240_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const key = (name: string) => ({ namespace, name });

const asked = ({ lines }: RunningOperator): number => lines.filter(({ message }) => message === 'a member does not answer').length;

test('a new pair gets its record, authority, rights and settings, and a restart of the operator rewrites nothing', async () => {
  const operator = await cluster.operator();
  // Nobody listens there, and the machine says so always in the same words.
  const adminPort = await freePort('127.0.0.31');
  const members = membersAt('127.0.0.31', '127.0.0.32');
  const pair = await createPair(cluster, namespace, { name: 'fresh', spec: { members, hallServer: { adminPort } } });
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
  expect(settings).toMatchObject({ founder: 'a', self: { name: 'a', address: '127.0.0.31' }, peer: { name: 'b' }, paused: false });
  expect(inspectCertificate(settings.tls.certificate)).toMatchObject({
    commonName: 'hallkeeper-member',
    ipAddresses: ['127.0.0.31'],
    identity: { kind: 'member', pairUid: pair.metadata.uid, name: 'a' },
  });

  // With its token a member reaches its own Secret and the record of its pair, and nothing else.
  const member = cluster.withToken(secret[tokenKey] ?? '');
  expect((await member.get(secrets, key('hallkeeper-fresh-a'), signal)).metadata.name).toBe('hallkeeper-fresh-a');
  const next = { ...record, spec: { ...record.spec, sequence: 1, reason: 'settled', author: 'a' } } as PairRecord;
  const written = await member.update(pairRecords, next, signal);
  expect(written.spec.sequence).toBe(1);
  const forbidden = [
    member.get(secrets, key('hallkeeper-fresh-b'), signal),
    member.get(secrets, key('hallkeeper-fresh-ca'), signal),
    member.list(secrets, { namespace }, signal),
    member.get(failoverPairs, key('fresh'), signal),
    member.delete(pairRecords, key('fresh'), {}, signal),
  ];
  // The operator passes the right to change the record on, and may not use it itself; nor may it take the record from a living pair.
  const bent = { ...written, spec: { ...written.spec, sequence: 2, author: 'operator' } } as PairRecord;
  const outcomesOfOperator = [
    cluster.asOperator.update(pairRecords, bent, signal),
    cluster.asOperator.delete(pairRecords, key('fresh'), {}, signal),
  ];
  const outcomes = await Promise.allSettled([...forbidden, ...outcomesOfOperator]);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && isKubeError(outcome.reason, 'HK_KUBE_FORBIDDEN'))).toEqual(
    outcomes.map(() => true),
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

test('a spec that cannot be met is refused with every problem at once, and accepted when they are gone', async () => {
  const operator = await cluster.operator();
  const dns = { zone: 'halls.test', name: 'p.halls.test', tsigKeyName: 'k', servers: [{ address: '192.0.2.53' }] };
  await createPair(cluster, namespace, { name: 'first', spec: { members: membersAt('192.0.2.21', '192.0.2.22') } });
  await cluster.until('the first pair is ready', failoverPairs, key('first'), isReady);
  // Names of the API server's clock have whole seconds: the later of two pairs must be made in a later one.
  const made = Date.now();
  await eventually('another second', () => Date.now() - made > 1_100, patience);
  await createPair(cluster, namespace, {
    name: 'second',
    spec: {
      members: membersAt('192.0.2.22', '192.0.2.23'),
      dns: { ...dns, tsigSecretRef: { name: 'tsig-second', key: 'secret' } },
    },
  });
  const refused = await cluster.until('the second pair is refused', failoverPairs, key('second'), (pair) => pair.status !== undefined);
  expect(conditionOf(refused, 'Ready')).toMatchObject({ status: 'False', reason: 'SpecRefused' });
  const { message = '' } = conditionOf(refused, 'Ready') ?? {};
  expect(message).toContain('dns.tsigSecretRef names the Secret tsig-second, which does not exist: create it');
  expect(message).toContain('192.0.2.22 port 5432 belongs to the pair hall-7/first already, which was there before hall-7/second');
  expect(await cluster.admin.find(pairRecords, key('second'), signal)).toBeUndefined();
  expect(await cluster.admin.find(secrets, key('hallkeeper-second-ca'), signal)).toBeUndefined();

  const secret = (data: Readonly<Record<string, string>>) => ({ metadata: key('tsig-second'), stringData: data });
  await cluster.admin.create(secrets, secret({ other: 'x' }), signal);
  await cluster.until('the missing key is named', failoverPairs, key('second'), (pair) =>
    (conditionOf(pair, 'Ready')?.message ?? '').includes('has no key secret; it has other'),
  );
  await cluster.admin.patch(
    secrets,
    key('tsig-second'),
    { type: 'merge', body: { stringData: { secret: 'c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ==' } } },
    signal,
  );
  await cluster.admin.delete(failoverPairs, key('first'), {}, signal);
  await cluster.until('the second pair is ready', failoverPairs, key('second'), isReady);
  const { settings } = await settingsOf(cluster, namespace, 'second', 'b');
  expect(settings.dns).toMatchObject({
    zone: 'halls.test',
    name: 'p.halls.test',
    ttlSeconds: 1,
    servers: [{ host: '192.0.2.53', port: 53 }],
  });
  expect(inspectCertificate(settings.tls.certificate).dnsNames).toEqual(['p.halls.test']);

  // A change that is refused leaves the members what they had; the token is renewed all the same.
  await cluster.admin.patch(
    failoverPairs,
    key('second'),
    { type: 'merge', body: { spec: { dns: { tsigSecretRef: { name: 'gone' } } } } },
    signal,
  );
  await cluster.until(
    'the change is refused',
    failoverPairs,
    key('second'),
    (pair) => conditionOf(pair, 'Ready')?.reason === 'SpecRefused',
  );
  await cluster.admin.delete(serviceAccounts, key('hallkeeper-second-b'), {}, signal);
  await eventually(
    'the member has a token of the new account',
    async () => (await settingsOf(cluster, namespace, 'second', 'b')).token !== '' && (await memberMayRead('second', 'b')),
    patience,
  );
  expect((await settingsOf(cluster, namespace, 'second', 'b')).settings.revision).toBe(settings.revision);
  await operator.stop();
  expect(operator.fatal).toEqual([]);
}, 240_000);

async function memberMayRead(pair: string, member: string): Promise<boolean> {
  const { token } = await settingsOf(cluster, namespace, pair, member);
  const found = await cluster.withToken(token).get(secrets, key(`hallkeeper-${pair}-${member}`), signal);
  return found.metadata.name !== '';
}

test('the EndpointSlice follows the record, never to a lower epoch, and a foreign Service is not adopted', async () => {
  const operator = await cluster.operator();
  const service = { name: 'routed', ports: [{ name: 'hall', port: 7443 }] };
  await createPair(cluster, namespace, { name: 'routed', spec: { members: membersAt('192.0.2.31', '192.0.2.32'), service } });
  await cluster.until('the pair is ready', failoverPairs, key('routed'), isReady);
  const asMember = (member: string) => ({ namespace, pair: 'routed', member });
  const pointsTo = (address: string, epoch: number) =>
    cluster.until(`the slice leads to ${address}`, endpointSlices, key('routed-hallkeeper'), ({ endpoints, metadata }) => {
      return endpoints?.[0]?.addresses[0] === address && metadata.annotations?.['hallkeeper.dev/epoch'] === String(epoch);
    });
  await writeRecord(cluster, asMember('a'), { mode: 'Solo', primary: 'a', epoch: 1 });
  await pointsTo('192.0.2.31', 1);
  await writeRecord(cluster, asMember('a'), { mode: 'Sync' });
  await writeRecord(cluster, asMember('b'), { mode: 'Claim', primary: 'b', epoch: 2 });
  const claimed = await cluster.until('the claim is seen', failoverPairs, key('routed'), (pair) => pair.status?.mode === 'Claim');
  expect(conditionOf(claimed, 'ZeroLossFailoverPossible')).toMatchObject({ status: 'False', reason: 'TakeoverRunning' });
  await pointsTo('192.0.2.31', 1);
  await writeRecord(cluster, asMember('b'), { mode: 'Solo' });
  const slice = await pointsTo('192.0.2.32', 2);
  expect(slice.metadata.labels).toMatchObject({ 'kubernetes.io/service-name': 'routed' });
  expect((await cluster.admin.get(services, key('routed'), signal)).spec.selector).toBeUndefined();

  // Mended in its own epoch; left alone when it is of a later one.
  await cluster.admin.patch(
    endpointSlices,
    key('routed-hallkeeper'),
    { type: 'merge', body: { endpoints: [{ addresses: ['192.0.2.99'] }] } },
    signal,
  );
  await pointsTo('192.0.2.32', 2);
  const later = { metadata: { annotations: { 'hallkeeper.dev/epoch': '9' } }, endpoints: [{ addresses: ['192.0.2.31'] }] };
  await cluster.admin.patch(endpointSlices, key('routed-hallkeeper'), { type: 'merge', body: later }, signal);
  const ahead = await cluster.until(
    'the later epoch is told',
    failoverPairs,
    key('routed'),
    (pair) => conditionOf(pair, 'ServiceInSync')?.reason === 'LaterEpoch',
  );
  expect(conditionOf(ahead, 'ServiceInSync')?.message).toContain('of epoch 9, later than the record');
  await writeRecord(cluster, asMember('b'), { reason: 'settled' });
  await pointsTo('192.0.2.31', 9);

  await cluster.admin.create(
    services,
    { metadata: key('taken'), spec: { ports: [{ name: 'x', port: 1, protocol: 'TCP', targetPort: 1 }] } },
    signal,
  );
  await createPair(cluster, namespace, {
    name: 'late',
    spec: { members: membersAt('192.0.2.33', '192.0.2.34'), service: { ...service, name: 'taken' } },
  });
  const told = await cluster.until(
    'the foreign Service is told',
    failoverPairs,
    key('late'),
    (pair) => conditionOf(pair, 'ServiceInSync')?.reason === 'ObjectForeign',
  );
  expect(conditionOf(told, 'ServiceInSync')?.message).toContain('Service taken');
  expect((await cluster.admin.get(services, key('taken'), signal)).metadata.labels).toBeUndefined();
  await writeRecord(cluster, { namespace, pair: 'late', member: 'a' }, { mode: 'Solo', primary: 'a', epoch: 1 });
  await cluster.until('the late pair is led', failoverPairs, key('late'), (pair) => pair.status?.mode === 'Solo');

  // Under another name the Service is made anew, and nothing of the old name leads to an old primary for ever.
  await cluster.admin.patch(failoverPairs, key('routed'), { type: 'merge', body: { spec: { service: { name: 'moved' } } } }, signal);
  await cluster.untilGone(services, key('routed'));
  const moved = await cluster.until('the new slice is there', endpointSlices, key('moved-hallkeeper'), () => true);
  expect(moved).toMatchObject({ endpoints: [{ addresses: ['192.0.2.32'] }], metadata: { annotations: { 'hallkeeper.dev/epoch': '2' } } });
  expect(await cluster.admin.find(endpointSlices, key('routed-hallkeeper'), signal)).toBeUndefined();
  await cluster.until(
    'the new Service is told',
    failoverPairs,
    key('routed'),
    (pair) => conditionOf(pair, 'ServiceInSync')?.status === 'True',
  );
  expect(await cluster.admin.find(endpointSlices, key('taken-hallkeeper'), signal)).toBeUndefined();

  // What the API server refuses is told, and taken back when it does not refuse any more.
  const twice = { op: 'add', path: '/spec/service/ports/-', value: { name: 'again', port: 7443 } } as const;
  await cluster.admin.patch(failoverPairs, key('routed'), { type: 'json', operations: [twice] }, signal);
  const refused = await cluster.until(
    'the refusal is told',
    failoverPairs,
    key('routed'),
    (pair) => conditionOf(pair, 'ServiceInSync')?.reason === 'NotApplied',
  );
  expect(conditionOf(refused, 'ServiceInSync')?.message).toMatch(/Duplicate value/);
  await cluster.admin.patch(failoverPairs, key('routed'), { type: 'json', operations: [{ op: 'remove', path: '/spec/service' }] }, signal);
  await cluster.untilGone(services, key('moved'));
  await cluster.untilGone(endpointSlices, key('moved-hallkeeper'));
  await cluster.until(
    'nothing is told of it any more',
    failoverPairs,
    key('routed'),
    (pair) => conditionOf(pair, 'ServiceInSync') === undefined,
  );
  await operator.stop();
  expect(operator.fatal).toEqual([]);
}, 240_000);

test('a member leads the Service to itself under the rights that it was given, also while the operator is away, and the operator leaves it so', async () => {
  let operator = await cluster.operator();
  const service = { name: 'led', ports: [{ name: 'hall', port: 7443 }] };
  const slice = key('led-hallkeeper');
  await createPair(cluster, namespace, { name: 'led', spec: { members: membersAt('192.0.2.61', '192.0.2.62'), service } });
  await cluster.until('the pair is ready', failoverPairs, key('led'), isReady);
  const by = (member: string) => ({ namespace, pair: 'led', member });
  const tokens = await Promise.all(['a', 'b'].map((member) => settingsOf(cluster, namespace, 'led', member)));
  expect(tokens.map(({ settings }) => settings.service)).toEqual([{ slice: 'led-hallkeeper' }, { slice: 'led-hallkeeper' }]);
  const [a, b] = tokens.map(({ token }) => cluster.withToken(token));
  if (a === undefined || b === undefined) throw new Error('two members');
  await writeRecord(cluster, by('a'), { mode: 'Solo', primary: 'a', epoch: 1 });
  const made = await cluster.until('the slice is made', endpointSlices, slice, ({ metadata }) => metadata.name === slice.name);
  expect(made.metadata.annotations).toEqual({
    'hallkeeper.dev/epoch': '1',
    'hallkeeper.dev/members': 'hallkeeper-led-a=192.0.2.61 hallkeeper-led-b=192.0.2.62',
  });
  const leadBy = async (client: typeof a, address: string, epoch: number): Promise<string | undefined> => {
    const seen = await client.get(endpointSlices, slice, signal);
    const annotations = { ...seen.metadata.annotations, 'hallkeeper.dev/epoch': String(epoch) };
    const next = {
      ...seen,
      metadata: { ...seen.metadata, annotations },
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    };
    return (await client.update(endpointSlices, next, signal)).metadata.resourceVersion;
  };

  // A takeover with the member first: what it wrote stands as it is.
  await writeRecord(cluster, by('a'), { mode: 'Sync' });
  await writeRecord(cluster, by('b'), { mode: 'Claim', primary: 'b', epoch: 2 });
  const written = await leadBy(b, '192.0.2.62', 2);
  await writeRecord(cluster, by('b'), { mode: 'Solo' });
  await cluster.until('the operator agrees', failoverPairs, key('led'), (pair) => {
    return pair.status?.epoch === 2 && conditionOf(pair, 'ServiceInSync')?.status === 'True';
  });
  expect((await a.get(endpointSlices, slice, signal)).metadata.resourceVersion).toBe(written);

  // With nobody but the members.
  await operator.stop();
  await writeRecord(cluster, by('b'), { mode: 'Sync' });
  await writeRecord(cluster, by('a'), { mode: 'Claim', primary: 'a', epoch: 3 });
  await writeRecord(cluster, by('a'), { mode: 'Solo' });
  await leadBy(a, '192.0.2.61', 3);
  const refused = [
    leadBy(b, '192.0.2.62', 2),
    leadBy(b, '192.0.2.61', 4),
    b.delete(endpointSlices, slice, {}, signal),
    b.list(endpointSlices, { namespace }, signal),
    b.get(services, key('led'), signal),
  ];
  const outcomes = await Promise.allSettled(refused);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && isKubeError(outcome.reason, 'HK_KUBE_FORBIDDEN'))).toEqual(
    outcomes.map(() => true),
  );
  operator = await cluster.operator();
  await cluster.until('the next operator agrees', failoverPairs, key('led'), (pair) => {
    return pair.status?.epoch === 3 && conditionOf(pair, 'ServiceInSync')?.status === 'True';
  });

  // Without a Service there is no right to one.
  await cluster.admin.patch(failoverPairs, key('led'), { type: 'json', operations: [{ op: 'remove', path: '/spec/service' }] }, signal);
  await cluster.untilGone(endpointSlices, slice);
  await eventually(
    'the right is taken back',
    () =>
      a.get(endpointSlices, slice, signal).then(
        () => false,
        (error: unknown) => isKubeError(error, 'HK_KUBE_FORBIDDEN'),
      ),
    patience,
  );
  await operator.stop();
  expect(operator.fatal).toEqual([]);
}, 240_000);

test('an authority that is gone is not made anew before a person gives it up', async () => {
  const operator = await cluster.operator();
  await createPair(cluster, namespace, { name: 'torn', spec: { members: membersAt('192.0.2.51', '192.0.2.52') } });
  await cluster.until('the pair is ready', failoverPairs, key('torn'), isReady);
  const authority = await cluster.admin.get(secrets, key('hallkeeper-torn-ca'), signal);
  const told = await settingsOf(cluster, namespace, 'torn', 'a');
  const lose = async (): Promise<string> => {
    await cluster.admin.delete(secrets, key('hallkeeper-torn-ca'), {}, signal);
    const lost = await cluster.until(
      'the loss is told',
      failoverPairs,
      key('torn'),
      (pair) => conditionOf(pair, 'Ready')?.reason === 'AuthorityLost',
    );
    return conditionOf(lost, 'Ready')?.message ?? '';
  };
  await lose();
  // Tokens are renewed all the same, and settings stay what they are.
  await cluster.admin.delete(serviceAccounts, key('hallkeeper-torn-a'), {}, signal);
  await eventually('the member has a token of the new account', () => memberMayRead('torn', 'a'), patience);
  expect((await settingsOf(cluster, namespace, 'torn', 'a')).settings).toEqual(told.settings);
  expect(await cluster.admin.find(secrets, key('hallkeeper-torn-ca'), signal)).toBeUndefined();
  const { name, namespace: where, labels = {} } = authority.metadata;
  await cluster.admin.create(secrets, { metadata: { name, namespace: where ?? '', labels }, data: authority.data ?? {} }, signal);
  await cluster.until('the pair is ready again', failoverPairs, key('torn'), isReady);
  expect((await settingsOf(cluster, namespace, 'torn', 'a')).settings).toEqual(told.settings);

  const word = /hallkeeper\.dev\/new-authority=([0-9a-f]{12})/.exec(await lose())?.[1] ?? '';
  await cluster.server.kubectl('--namespace', namespace, 'annotate', 'pair', 'torn', `hallkeeper.dev/new-authority=${word}`);
  await cluster.until('the pair starts anew', failoverPairs, key('torn'), isReady);
  const { settings } = await settingsOf(cluster, namespace, 'torn', 'a');
  expect(settings.tls.authority).not.toBe(told.settings.tls.authority);
  // The word of the loss before allows nothing now.
  expect(await lose()).not.toContain(word);
  await operator.stop();
  expect(operator.fatal).toEqual([]);
}, 240_000);

test('a record that is gone is not made again, and an API server that was away is no reason to stop', async () => {
  const operator = await cluster.operator();
  await createPair(cluster, namespace, { name: 'lost', spec: { members: membersAt('192.0.2.41', '192.0.2.42') } });
  const pair = await cluster.until('the pair is ready', failoverPairs, key('lost'), isReady);
  await cluster.server.controlPlane.apiserver.kill();
  await eventually('the operator notices', () => operator.lines.some(({ message }) => message === 'list or watch failed'), patience);
  await cluster.server.controlPlane.apiserver.start();
  const { uid } = (await cluster.admin.get(pairRecords, key('lost'), signal)).metadata;
  await cluster.admin.patch(
    pairRecords,
    key('lost'),
    { type: 'merge', body: { metadata: { annotations: { 'hallkeeper.dev/retired': uid } } } },
    signal,
  );
  await cluster.admin.delete(pairRecords, key('lost'), {}, signal);
  const lost = await cluster.until(
    'the loss is told',
    failoverPairs,
    key('lost'),
    (seen) => conditionOf(seen, 'ZeroLossFailoverPossible')?.reason === 'RecordLost',
  );
  expect(lost.status?.mode).toBe('New');
  expect(pair.status?.mode).toBe('New');
  await cluster.admin.delete(secrets, key('hallkeeper-lost-a'), {}, signal);
  await eventually('the settings are back', async () => (await settingsOf(cluster, namespace, 'lost', 'a')).token !== '', patience);
  expect(await cluster.admin.find(pairRecords, key('lost'), signal)).toBeUndefined();
  expect(operator.fatal).toEqual([]);
  await operator.stop();
}, 240_000);
