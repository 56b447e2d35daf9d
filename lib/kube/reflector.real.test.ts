import { afterAll, beforeAll, expect, test } from 'vitest';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import type { ControlPlane } from '#test/cluster/control-plane.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { KubeClient } from './client.ts';
import { keyText, keyOf } from './objects.ts';
import { Reflector } from './reflector.ts';
import { trimObject } from './store.ts';
import type { StoreChange } from './store.ts';
import { activeResources, anySignal, clientOf, configMaps, expectNothingLeft, newNamespace, ports } from './testing/cluster.ts';
import type { ConfigMap } from './testing/cluster.ts';
import { startRelay } from './testing/relay.ts';

let plane: ControlPlane;
let client: KubeClient;
const signal = anySignal();
const patience = { maxMs: 90_000 };

beforeAll(async () => {
  plane = await startControlPlane({ users: [{ name: 'nobody' }] });
  client = clientOf(plane);
});

afterAll(async () => {
  await client?.close();
  await plane?.stop();
});

const aMap = (namespace: string, name: string, data: Record<string, string> = {}): ConfigMap => ({ metadata: { namespace, name }, data });

/** Store and server hold the same objects. */
async function equals(reflector: Reflector<ConfigMap>, namespace: string): Promise<boolean> {
  const { items } = await client.list(configMaps, { namespace }, signal);
  const ordered = (objects: readonly ConfigMap[]): readonly ConfigMap[] =>
    objects.toSorted((a, b) => keyText(keyOf(a)).localeCompare(keyText(keyOf(b))));
  expect(ordered(reflector.store.list())).toEqual(ordered(items.map(trimObject)));
  return true;
}

test('more than a page is listed, stored trimmed, and followed', async () => {
  const namespace = await newNamespace(client, 'many');
  const names = Array.from({ length: 510 }, (_, index) => `m${index}`);
  await Promise.all(names.map((name) => client.create(configMaps, aMap(namespace, name, { name }), signal)));
  const before = activeResources();
  const requests: string[] = [];
  const own = clientOf(plane, { ports: { observer: { answered: ({ verb }) => void requests.push(verb) } } });
  const reflector = new Reflector(
    { type: configMaps, namespace, indexes: { '.data.name': ({ data }) => [data?.['name'] ?? ''] } },
    { ...ports, client: own },
  );
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  expect(reflector.hasSynced).toBe(false);
  await eventually('the store is synced', () => reflector.hasSynced, patience);
  expect(requests.filter((verb) => verb === 'list')).toHaveLength(2);
  expect(reflector.store.size).toBe(510);
  expect(reflector.store.byIndex('.data.name', 'm77').map(({ metadata }) => metadata.name)).toEqual(['m77']);
  expect(reflector.store.get({ namespace, name: 'm1' })?.metadata.managedFields).toBeUndefined();
  const changes: StoreChange<ConfigMap>[] = [];
  const unlisten = reflector.listen((change) => void changes.push(change));
  expect(changes).toHaveLength(510);
  await client.delete(configMaps, { namespace, name: 'm1' }, {}, signal);
  await eventually('the deletion arrives', () => changes.length === 511, patience);
  expect(changes.at(-1)).toMatchObject({ key: { name: 'm1' }, after: undefined, finalStateKnown: true });
  unlisten();
  stop.abort();
  await running;
  await own.close();
  await expectNothingLeft(before);
});

test('after a gap that the server cannot fill, a new list makes the store equal to the server', async () => {
  const namespace = await newNamespace(client, 'gap');
  await using relay = await startRelay({ host: plane.address, port: plane.port });
  const own = clientOf(plane, { port: relay.port });
  const reflector = new Reflector({ type: configMaps, namespace }, { ...ports, client: own });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  for (const name of ['kept', 'changed', 'gone']) await client.create(configMaps, aMap(namespace, name), signal);
  await eventually('all three are seen', () => reflector.store.size === 3, patience);
  const { lists } = reflector.status();
  const changes: StoreChange<ConfigMap>[] = [];
  reflector.listen((change) => void changes.push(change));
  changes.length = 0;

  relay.set('refuse');
  await client.patch(configMaps, { namespace, name: 'changed' }, { type: 'merge', body: { data: { x: '1' } } }, signal);
  await client.delete(configMaps, { namespace, name: 'gone' }, {}, signal);
  await client.create(configMaps, aMap(namespace, 'new'), signal);
  await eventually('the failure is told', () => reflector.status().failure?.code === 'HK_KUBE_UNREACHABLE', patience);
  expect(reflector.store.size).toBe(3);
  expect(reflector.hasSynced).toBe(true);
  // A server that has just begun knows nothing older than its own first list.
  await plane.apiserver.restart();
  relay.set('pass');

  await eventually('store and server are equal', () => equals(reflector, namespace), patience);
  expect(reflector.status().lists).toBe(lists + 1);
  expect(reflector.status().failure).toBeUndefined();
  const told = Object.fromEntries(
    changes.map(({ key, before, after, finalStateKnown }) => [key.name, [before !== undefined, after !== undefined, finalStateKnown]]),
  );
  expect(told).toEqual({ gone: [true, false, false], changed: [true, true, true], new: [false, true, true] });
  stop.abort();
  await running;
  await own.close();
});

test('a watch whose connection died without a word hides changes; a new list that is asked for finds them', async () => {
  const namespace = await newNamespace(client, 'silent');
  await using relay = await startRelay({ host: plane.address, port: plane.port });
  const own = clientOf(plane, { port: relay.port, limits: { deadlineMs: 2_000 } });
  const reflector = new Reflector({ type: configMaps, namespace }, { ...ports, client: own });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await client.create(configMaps, aMap(namespace, 'before'), signal);
  await eventually('the store is synced', () => reflector.store.size === 1, patience);
  // Connections that were open stay dead for ever, and no end of them learns of it; new ones are served.
  relay.set('stall');
  await client.create(configMaps, aMap(namespace, 'hidden'), signal);
  relay.set('pass');
  const isFresh = reflector.refresh();
  expect([isFresh(), reflector.store.size]).toEqual([false, 1]);
  await eventually('a new list stands in the store', isFresh, patience);
  expect(reflector.store.size).toBe(2);
  await client.create(configMaps, aMap(namespace, 'after'), signal);
  await eventually('it is followed again', () => reflector.store.size === 3, patience);
  stop.abort();
  await running;
  await own.close();
});

test('a killed server is waited for, and followed again', async () => {
  const namespace = await newNamespace(client, 'killed');
  const reflector = new Reflector({ type: configMaps, namespace }, { ...ports, client });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await client.create(configMaps, aMap(namespace, 'before'), signal);
  await eventually('the store is synced', () => reflector.store.size === 1, patience);
  await plane.apiserver.kill();
  await eventually('the failure is told', () => reflector.status().failure !== undefined, patience);
  await plane.apiserver.start();
  await client.create(configMaps, aMap(namespace, 'after'), signal);
  await eventually('store and server are equal', () => reflector.store.size === 2 && equals(reflector, namespace), patience);
  stop.abort();
  await running;
});

test('a missing permission is told as such', async () => {
  const own = clientOf({ ...plane, kubeconfig: () => plane.kubeconfig('nobody') });
  const reflector = new Reflector({ type: configMaps }, { ...ports, client: own });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  const { failure, hasSynced } = await eventually(
    'the failure is told',
    () => (reflector.status().failure === undefined ? undefined : reflector.status()),
    patience,
  );
  expect([failure?.code, hasSynced]).toEqual(['HK_KUBE_FORBIDDEN', false]);
  expect(failure?.message).toContain('configmaps');
  stop.abort();
  await running;
  await own.close();
});
