import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import type { ControlPlane } from '#test/cluster/control-plane.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { JsonPatchOperation, KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { defineResource } from './objects.ts';
import type { KubeObject, WatchEvent } from './objects.ts';
import { activeResources, anySignal, clientOf, configMaps, expectNothingLeft, newNamespace } from './testing/cluster.ts';
import type { ConfigMap } from './testing/cluster.ts';
import { startRelay } from './testing/relay.ts';

interface Deployment extends KubeObject {
  readonly spec?: object;
  readonly status?: { readonly replicas?: number; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
const deployments = defineResource<Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true });
const accounts = defineResource({ apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true });
const clusterRoles = defineResource({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
});

let plane: ControlPlane;
let client: KubeClient;
const signal = anySignal();

beforeAll(async () => {
  plane = await startControlPlane({ users: [{ name: 'nobody' }] });
  client = clientOf(plane);
});

afterAll(async () => {
  await client?.close();
  await plane?.stop();
});

const aMap = (namespace: string, name: string, data: Record<string, string> = {}): ConfigMap => ({ metadata: { namespace, name }, data });

test('an object is created, read, replaced, patched and deleted', async () => {
  const namespace = await newNamespace(client, 'crud');
  const key = { namespace, name: 'a' };
  expect(await client.find(configMaps, key, signal)).toBeUndefined();
  const created = await client.create(configMaps, aMap(namespace, 'a', { x: '1' }), signal);
  const updated = await client.update(configMaps, { ...created, data: { x: '2' } }, signal);
  expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
  const merged = await client.patch(configMaps, key, { type: 'merge', body: { data: { y: '3' } } }, signal);
  expect(merged.data).toEqual({ x: '2', y: '3' });
  const operations = [{ op: 'test', path: '/data/x', value: '2' } as const, { op: 'remove', path: '/data/x' } as const];
  expect((await client.patch(configMaps, key, { type: 'json', operations }, signal)).data).toEqual({ y: '3' });
  await client.delete(configMaps, key, { preconditions: { uid: created.metadata.uid ?? '' } }, signal);
  expect(await client.find(configMaps, key, signal)).toBeUndefined();
});

test('refusals are small typed errors with the right decision', async () => {
  const namespace = await newNamespace(client, 'refusals');
  const created = await client.create(configMaps, aMap(namespace, 'a'), signal);
  await client.update(configMaps, { ...created, data: { x: '1' } }, signal);
  const misspelt = { ...aMap(namespace, 'b'), dta: {} } as ConfigMap;
  const nobody = clientOf({ ...plane, kubeconfig: () => plane.kubeconfig('nobody') });
  const stranger = clientOf({
    ...plane,
    kubeconfig: () => JSON.parse(JSON.stringify(plane.kubeconfig()).replace(plane.adminToken, 'wrong')),
  });
  const rows = [
    ['a stale version', () => client.update(configMaps, created, signal), 'HK_KUBE_CONFLICT', 'reread', 409],
    ['a name that is taken', () => client.create(configMaps, aMap(namespace, 'a'), signal), 'HK_KUBE_EXISTS', 'reread', 409],
    ['a name that is not there', () => client.get(configMaps, { namespace, name: 'z' }, signal), 'HK_KUBE_NOT_FOUND', 'reread', 404],
    ['an unknown field', () => client.create(configMaps, misspelt, signal), 'HK_KUBE_REFUSED', 'never', 400],
    ['an impossible name', () => client.create(configMaps, aMap(namespace, 'UPPER'), signal), 'HK_KUBE_REFUSED', 'never', 422],
    ['a missing permission', () => nobody.list(configMaps, { namespace }, signal), 'HK_KUBE_FORBIDDEN', 'backoff', 403],
    ['a wrong token', () => stranger.list(configMaps, { namespace }, signal), 'HK_KUBE_UNAUTHORIZED', 'backoff', 401],
  ] as const;
  for (const [behaviour, call, code, retry, status] of rows) {
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    expect({ behaviour, error }).toMatchObject({ behaviour, error: { code, retry, status } });
  }
  const refused: unknown = await client.create(configMaps, aMap(namespace, 'UPPER'), signal).catch((error: unknown) => error);
  expect(refused).toMatchObject({ reason: 'Invalid', verb: 'create', resource: 'configmaps', causes: [{ field: 'metadata.name' }] });
  expect(JSON.stringify(refused)).not.toContain(plane.adminToken);
  await nobody.close();
  await stranger.close();
});

test('a patch whose test fails is a conflict, a patch that makes a bad object is refused', async () => {
  const namespace = await newNamespace(client, 'tests');
  const made = await client.create(configMaps, aMap(namespace, 'a', { x: '1' }), signal);
  const tests: readonly (readonly [string, readonly JsonPatchOperation[], string, string])[] = [
    ['another value', [{ op: 'test', path: '/data/x', value: '2' }], 'HK_KUBE_CONFLICT', 'reread'],
    ['another object', [{ op: 'test', path: '/metadata/uid', value: 'other' }], 'HK_KUBE_CONFLICT', 'reread'],
    ['a place that is not there', [{ op: 'test', path: '/metadata/finalizers/0', value: 'x' }], 'HK_KUBE_CONFLICT', 'reread'],
    [
      'a bad value after a good test',
      [
        { op: 'test', path: '/metadata/uid', value: made.metadata.uid },
        { op: 'add', path: '/metadata/labels', value: { bad: 'a b' } },
      ],
      'HK_KUBE_REFUSED',
      'never',
    ],
    ['a patch without a test', [{ op: 'remove', path: '/data/none' }], 'HK_KUBE_REFUSED', 'never'],
  ];
  for (const [behaviour, operations, code, retry] of tests) {
    const error: unknown = await client
      .patch(configMaps, made.metadata, { type: 'json', operations }, signal)
      .catch((thrown: unknown) => thrown);
    expect({ behaviour, error }).toMatchObject({ behaviour, error: { code, retry, status: 422 } });
  }
});

test('a kind that is not installed is not an absent object', async () => {
  const halls = defineResource({ apiVersion: 'nowhere.example/v1', kind: 'Hall', plural: 'halls', namespaced: true });
  const error: unknown = await client.find(halls, { namespace: 'default', name: 'a' }, signal).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'HK_KUBE_NO_RESOURCE', retry: 'backoff', status: 404 });
});

test('a name with capitals and colons reaches the server as it is', async () => {
  const name = 'system:MyRole';
  await client.create(clusterRoles, { metadata: { name }, rules: [] }, signal);
  expect((await client.get(clusterRoles, { name }, signal)).metadata.name).toBe(name);
});

test('apply owns its fields, takes away what is left out, and names whom it conflicts with', async () => {
  const namespace = await newNamespace(client, 'apply');
  const ours = { fieldManager: 'ours', force: false };
  await client.apply(configMaps, aMap(namespace, 'a', { x: '1', y: '1' }), ours, signal);
  const second = await client.apply(configMaps, aMap(namespace, 'a', { x: '1' }), ours, signal);
  expect(second.data).toEqual({ x: '1' });
  const theirs = client.apply(configMaps, aMap(namespace, 'a', { x: '2' }), { fieldManager: 'theirs', force: false }, signal);
  await expect(theirs).rejects.toMatchObject({ code: 'HK_KUBE_CONFLICT', causes: [{ reason: 'FieldManagerConflict', field: '.data.x' }] });
  const forced = await client.apply(configMaps, aMap(namespace, 'a', { x: '2' }), { fieldManager: 'theirs', force: true }, signal);
  expect(forced.data).toEqual({ x: '2' });
});

test('the status is applied on its own, and never makes a deleted object again', async () => {
  const namespace = await newNamespace(client, 'status');
  const labels = { app: 'a' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }] } };
  const made = await client.create(
    deployments,
    { metadata: { namespace, name: 'a' }, spec: { selector: { matchLabels: labels }, template } },
    signal,
  );
  const options = { fieldManager: 'ours-status', force: true, subresource: 'status' };
  const metadata = { namespace, name: 'a', uid: made.metadata.uid ?? '' };
  const status = { conditions: [{ type: 'Available', status: 'True', reason: 'Yes', message: '' }] };
  const applied = await client.apply<Deployment>(deployments, { metadata, status } as Deployment, options, signal);
  expect(applied.status?.conditions).toMatchObject([{ type: 'Available', status: 'True' }]);
  expect(applied.metadata.generation).toBe(made.metadata.generation);
  await client.delete(deployments, metadata, {}, signal);
  const late = client.apply(deployments, { metadata, status } as Deployment, options, signal);
  await expect(late).rejects.toMatchObject({ status: expect.toBeOneOf([404, 409]) as number });
});

test('pages of a list have one shape and together everything', async () => {
  const namespace = await newNamespace(client, 'pages');
  const names = Array.from({ length: 7 }, (_, index) => `m${index}`);
  await Promise.all(names.map((name) => client.create(configMaps, aMap(namespace, name), signal)));
  const seen: ConfigMap[] = [];
  let continueToken: string | undefined;
  let pages = 0;
  do {
    const page = await client.list(configMaps, { namespace, limit: 3, continueToken }, signal);
    seen.push(...page.items);
    continueToken = page.continueToken;
    pages += 1;
  } while (continueToken !== undefined);
  expect(pages).toBe(3);
  expect(seen.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(seen[0]).toEqual(await client.get(configMaps, { namespace, name: 'm0' }, signal));
});

test('a watch tells changes in order, sends a bookmark, and ends when the server ends it', async () => {
  const namespace = await newNamespace(client, 'watch');
  const { resourceVersion } = await client.list(configMaps, { namespace }, signal);
  const events: WatchEvent<ConfigMap>[] = [];
  // The server sends a bookmark about two seconds before the end.
  const watch = client.watch(configMaps, { namespace, resourceVersion, timeoutSeconds: 6 }, signal);
  const following = (async () => {
    for await (const event of watch) events.push(event);
  })();
  const made = await client.create(configMaps, aMap(namespace, 'a', { text: 'ü€😀' }), signal);
  await client.update(configMaps, { ...made, data: { text: 'x'.repeat(200_000) } }, signal);
  await client.delete(configMaps, { namespace, name: 'a' }, {}, signal);
  await following;
  expect(events.map(({ type }) => type).filter((type) => type !== 'BOOKMARK')).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  expect(events[0]?.object).toEqual(made);
  expect(events.at(-1)?.type).toBe('BOOKMARK');
  const last = events.at(-1)?.object.metadata.resourceVersion;
  expect(last).not.toBe(resourceVersion);
});

test('calls one after another share connections, many at once have as many as they may, and each watch has its own', async () => {
  await using relay = await startRelay({ host: plane.address, port: plane.port });
  const own = clientOf(plane, { port: relay.port });
  for (let count = 0; count < 50; count += 1) await own.list(configMaps, { namespace: 'default' }, signal);
  // Who asks in the very turn in which an answer ended meets a connection that is not free yet.
  expect(relay.accepted).toBeLessThanOrEqual(2);
  await Promise.all(Array.from({ length: 50 }, () => own.list(configMaps, { namespace: 'default' }, signal)));
  expect(relay.accepted).toBe(32);
  const stop = new AbortController();
  const { resourceVersion } = await own.list(configMaps, {}, signal);
  const watches = Array.from({ length: 8 }, async () => {
    for await (const _ of own.watch(configMaps, { resourceVersion, timeoutSeconds: 300 }, stop.signal)) break;
  });
  await eventually('the watches have connections', () => relay.accepted === 40, { maxMs: 30_000 });
  await client.create(configMaps, aMap('default', 'wake'), signal);
  await Promise.all(watches);
  expect(relay.accepted).toBe(40);
  await own.close();
  await eventually('every connection is closed', () => relay.open === 0, { maxMs: 30_000 });
});

test('a server that falls silent costs one deadline, and the next call gets a fresh connection', async () => {
  await using relay = await startRelay({ host: plane.address, port: plane.port });
  let laterMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + laterMs };
  const own = clientOf(plane, { port: relay.port, ports: { clock } });
  const key = { namespace: 'default', name: 'none' };
  await own.find(configMaps, key, signal);
  // A young connection is given the benefit of the doubt; this one is an hour old.
  laterMs = 3_600_000;
  relay.set('stall');
  const hasty = own.with({ deadlineMs: 500 });
  await expect(hasty.find(configMaps, key, signal)).rejects.toMatchObject({ code: 'HK_KUBE_DEADLINE', retry: 'backoff', status: 0 });
  const accepted = relay.accepted;
  // Those before stay dead, the idle one too: only a new one can answer.
  relay.set('pass');
  await own.find(configMaps, key, signal);
  expect(relay.accepted).toBe(accepted + 1);
  await own.close();
});

test('a connection that never comes about costs no more than the deadline', async () => {
  await using relay = await startRelay({ host: plane.address, port: plane.port });
  const own = clientOf(plane, { port: relay.port, limits: { deadlineMs: 300 } });
  relay.set('stall');
  const late: string[] = [];
  const call = own.list(configMaps, {}, signal).catch((error: unknown) => late.push(isKubeError(error) ? error.code : String(error)));
  const watch = own.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 300 }, signal);
  const first = watch.next().catch((error: unknown) => late.push(isKubeError(error) ? error.code : String(error)));
  // Far less than the time that a connection may take.
  await eventually('both are over', () => late.length === 2, { maxMs: 8_000 });
  expect(late).toEqual(['HK_KUBE_DEADLINE', 'HK_KUBE_DEADLINE']);
  await Promise.all([call, first]);
  await own.close();
});

test('a reset in mid-call is repeated for a read, and told for a write', async () => {
  await using relay = await startRelay({ host: plane.address, port: plane.port });
  const deadlineMs = 20_000;
  // The road is free again as soon as the client waits to repeat its read.
  const sleep: Clock['sleep'] = (ms, stop) => {
    if (ms !== deadlineMs) relay.set('pass');
    return systemClock.sleep(ms, stop);
  };
  const own = clientOf(plane, { port: relay.port, limits: { deadlineMs }, ports: { clock: { ...systemClock, sleep } } });
  relay.set('refuse');
  const write = own.create(configMaps, aMap('default', 'reset'), signal);
  await expect(write).rejects.toMatchObject({ code: 'HK_KUBE_UNREACHABLE', retry: 'backoff' });
  expect((await own.list(configMaps, { namespace: 'default' }, signal)).resourceVersion).not.toBe('');
  await own.close();
});

test('a watch from before the server began is told that its version is too old', async () => {
  const { resourceVersion } = await client.list(configMaps, {}, signal);
  await client.create(configMaps, aMap('default', 'between'), signal);
  await plane.apiserver.restart();
  const watch = client.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 5 }, signal);
  const outcome: unknown = await watch.next().catch((error: unknown) => error);
  expect(isKubeError(outcome, 'HK_KUBE_EXPIRED')).toBe(true);
  expect(resourceVersion).not.toBe('1');
});

test('a token of a service account is asked for, and serves', async () => {
  const namespace = await newNamespace(client, 'tokens');
  const key = { namespace, name: 'agent' };
  await client.create(accounts, { metadata: key }, signal);
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
  const answer = await client.createSubresource<{ status: { token: string } }>(accounts, key, 'token', body, signal);
  const own = clientOf({
    ...plane,
    kubeconfig: () => JSON.parse(JSON.stringify(plane.kubeconfig()).replace(plane.adminToken, answer.status.token)),
  });
  await expect(own.list(configMaps, { namespace }, signal)).rejects.toMatchObject({
    code: 'HK_KUBE_FORBIDDEN',
    message: expect.stringContaining(`system:serviceaccount:${namespace}:agent`) as string,
  });
  await own.close();
});

test('a certificate of an authority that nobody named is refused', async () => {
  const own = clientOf({
    ...plane,
    kubeconfig: () =>
      JSON.parse(JSON.stringify(plane.kubeconfig()).replace(/"certificate-authority-data":"[^"]*"/, '"certificate-authority-data":""')),
  });
  await expect(own.with({ attemptsMax: 1 }).list(configMaps, {}, signal)).rejects.toMatchObject({ code: 'HK_KUBE_UNREACHABLE' });
  await own.close();
});

test('abandoned calls and watches leave neither sockets nor timers', async () => {
  const before = activeResources();
  const own = clientOf(plane);
  const stop = new AbortController();
  const { resourceVersion } = await own.list(configMaps, {}, signal);
  const watch = own.watch(configMaps, { resourceVersion, timeoutSeconds: 300 }, stop.signal).next();
  const call = own.get(configMaps, { namespace: 'default', name: 'none' }, stop.signal);
  const reason = new Error('enough');
  stop.abort(reason);
  await expect(watch).rejects.toBe(reason);
  await expect(call).rejects.toBe(reason);
  await own.close();
  await expectNothingLeft(before);
});
