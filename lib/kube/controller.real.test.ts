import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Logger, LogFields } from '#lib/base/log.ts';
import { aborted, runParts } from '#lib/base/parts.ts';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import type { ControlPlane } from '#test/cluster/control-plane.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { Applier } from './apply.ts';
import { KubeCaches } from './caches.ts';
import type { KubeClient } from './client.ts';
import { clusterBackoff, Controller } from './controller.ts';
import type { Reconcile } from './controller.ts';
import { EventRecorder, kubeEvents } from './events.ts';
import { withFinalizer } from './finalizer.ts';
import { cachesCheck } from './health.ts';
import { LeaderElector } from './lease.ts';
import { mapOwner, mapSelf } from './mapping.ts';
import { KubeMetrics } from './metrics.ts';
import { operatorParts } from './operator-parts.ts';
import { controllerReference, requireOwnable } from './owner.ts';
import { activeResources, anySignal, clientOf, configMaps, expectNothingLeft, newNamespace, ports } from './testing/cluster.ts';
import type { ConfigMap } from './testing/cluster.ts';

/**
 * A whole small operator on a real API server: each ConfigMap labelled `role=parent` gets a child with the doubled text,
 * and something outside the cluster that its finalizer takes away.
 */

let plane: ControlPlane;
let client: KubeClient;
const signal = anySignal();
const patience = { maxMs: 90_000 };
const finalizer = 'test.hallkeeper.dev/outside';

beforeAll(async () => {
  plane = await startControlPlane();
  client = clientOf(plane);
});

afterAll(async () => {
  await client?.close();
  await plane?.stop();
});

interface World {
  /** What stands outside the cluster, by name of the parent. */
  readonly outside: Set<string>;
  readonly lines: { readonly fields: LogFields; readonly message: string }[];
  readonly registry: Registry;
  readonly fatal: Error[];
  readonly caches: KubeCaches;
  readonly reconciling: Map<string, number>;
  /** Names whose next reconciliation fails with a mistake in the program. */
  readonly broken: Set<string>;
  stop(): Promise<void>;
}

function recordingLog(lines: World['lines'], own: LogFields = {}): Logger {
  const write = (fields: LogFields, message: string): void => void lines.push({ fields: { ...own, ...fields }, message });
  return { debug: write, info: write, warn: write, error: write, with: (fields) => recordingLog(lines, { ...own, ...fields }) };
}

function startOperator(namespace: string): World {
  const registry = new Registry();
  const metrics = new KubeMetrics(registry);
  const lines: World['lines'] = [];
  const log = recordingLog(lines);
  const { clock, random } = ports;
  const fatal: Error[] = [];
  const outside = new Set<string>();
  const broken = new Set<string>();
  const reconciling = new Map<string, number>();
  const own = clientOf(plane, { ports: { observer: metrics.requests } });
  const caches = new KubeCaches({ client: own, clock, random, log, fatal: (error) => void fatal.push(error) });
  const parents = caches.reflect({ type: configMaps, namespace, labelSelector: 'role=parent' });
  const children = caches.reflect({ type: configMaps, namespace, labelSelector: 'role=child' });
  const applier = new Applier({ client: own, fieldManager: 'doubler' });
  const events = new EventRecorder(
    { reportingController: 'test.hallkeeper.dev/doubler', reportingInstance: 'here' },
    { client: own, clock, log, dropped: metrics.eventDropped },
  );
  const reconcile: Reconcile = async (key, run) => {
    expect(reconciling.get(key.name) ?? 0).toBe(0);
    reconciling.set(key.name, 1);
    try {
      if (broken.delete(key.name)) throw new TypeError('a mistake in the program');
      const parent = parents.store.get(key);
      if (parent === undefined) return undefined;
      const work = {
        type: configMaps,
        finalizer,
        reconcile: async () => {
          outside.add(key.name);
          const childKey = { namespace, name: `${key.name}-child` };
          const seen = children.store.get(childKey);
          if (seen !== undefined) requireOwnable(configMaps, parent, seen);
          const desired: ConfigMap = {
            metadata: { ...childKey, labels: { role: 'child' }, ownerReferences: [controllerReference(configMaps, parent)] },
            data: { text: (parent.data?.['text'] ?? '').repeat(2) },
          };
          await applier.apply(configMaps, desired, seen, run.signal);
          events.record(configMaps, parent, { type: 'Normal', reason: 'Doubled', action: 'Double', note: `to ${desired.data?.['text']}` });
          run.log.debug({}, 'doubled');
        },
        cleanup: async () => void outside.delete(key.name),
      };
      await withFinalizer(parent, work, own, run.signal);
      return undefined;
    } finally {
      reconciling.set(key.name, 0);
    }
  };
  const controller = new Controller(
    { name: 'doubler', reconcile, workers: 4, runMaxMs: 20_000, backoff: { ...clusterBackoff, maxMs: 2_000 } },
    { clock, random, log, fatal: (error) => void fatal.push(error), observer: metrics.controller('doubler', 4) },
  );
  controller.watch(parents, mapSelf()).watch(children, mapOwner(configMaps, parents.store));
  metrics.watch({ controllers: [controller], caches, clock });
  const elector = new LeaderElector(
    { lease: { namespace, name: 'doubler' }, identity: 'here_1', times: { durationMs: 60_000, renewMaxMs: 50_000, retryEveryMs: 500 } },
    { client: own, clock, random, log, lost: (error) => void fatal.push(error), observer: metrics.elector('doubler') },
  );
  const stop = new AbortController();
  const parts = operatorParts({
    servers: [],
    caches,
    everyReplica: [],
    lease: elector,
    leaderParts: [],
    controllers: [controller],
    events: events.part(),
  });
  const running = runParts(parts, { clock, log, signal: stop.signal });
  return {
    outside,
    lines,
    registry,
    fatal,
    caches,
    reconciling,
    broken,
    stop: async () => {
      stop.abort();
      await aborted(stop.signal);
      await running;
      await own.close();
    },
  };
}

const parentOf = (namespace: string, name: string, text: string): ConfigMap => ({
  metadata: { namespace, name, labels: { role: 'parent' } },
  data: { text },
});

test('an operator works, survives a killed server, cleans up, and stops without a trace', async () => {
  const before = activeResources();
  const namespace = await newNamespace(client, 'operator');
  await client.create(configMaps, parentOf(namespace, 'first', 'ab'), signal);
  const world = startOperator(namespace);
  const child = async (name: string): Promise<string | undefined> =>
    (await client.find(configMaps, { namespace, name: `${name}-child` }, signal))?.data?.['text'];
  const becomes = (name: string, text: string): Promise<boolean> =>
    eventually(`${name} is doubled`, async () => (await child(name)) === text || undefined, patience);
  await becomes('first', 'abab');
  expect(cachesCheck(world.caches).check()).toBeUndefined();
  expect((await client.get(configMaps, { namespace, name: 'first' }, signal)).metadata.finalizers).toEqual([finalizer]);

  // A child that somebody changes or deletes comes back.
  await client.patch(configMaps, { namespace, name: 'first-child' }, { type: 'merge', body: { data: { text: 'spoilt' } } }, signal);
  await becomes('first', 'abab');
  await client.delete(configMaps, { namespace, name: 'first-child' }, {}, signal);
  await becomes('first', 'abab');

  // A mistake in the program is contained and tried again.
  world.broken.add('second');
  await client.create(configMaps, parentOf(namespace, 'second', 'x'), signal);
  await becomes('second', 'xx');

  await plane.apiserver.kill();
  await plane.apiserver.start();
  await client.patch(configMaps, { namespace, name: 'second' }, { type: 'merge', body: { data: { text: 'y' } } }, signal);
  await client.create(configMaps, parentOf(namespace, 'third', 'z'), signal);
  await becomes('second', 'yy');
  await becomes('third', 'zz');

  expect(world.outside).toEqual(new Set(['first', 'second', 'third']));
  await client.delete(configMaps, { namespace, name: 'second' }, {}, signal);
  await eventually(
    'the parent is gone',
    async () => (await client.find(configMaps, { namespace, name: 'second' }, signal)) === undefined,
    patience,
  );
  expect(world.outside).toEqual(new Set(['first', 'third']));

  const { items } = await client.list(kubeEvents, { namespace }, signal);
  const doubled = items.find(({ regarding }) => regarding.name === 'first');
  expect(doubled).toMatchObject({
    reason: 'Doubled',
    note: 'to abab',
    reportingInstance: 'here',
    series: { count: expect.any(Number) as number },
  });

  const exposition = await world.registry.metrics();
  expect(exposition).toMatch(/controller_runtime_reconcile_total\{controller="doubler",result="success"\} [1-9]/);
  expect(exposition).toContain('controller_runtime_reconcile_total{controller="doubler",result="requeue"} 0');
  expect(exposition).toContain('controller_runtime_reconcile_panics_total{controller="doubler"} 1');
  expect(exposition).toContain('leader_election_master_status{name="doubler"} 1');
  expect(exposition).toContain('hallkeeper_kube_reflector_mode{resource="configmaps",mode="watching"} 2');
  expect(exposition).toMatch(/rest_client_requests_total\{code="200",method="PATCH",host="[^"]+"\} [1-9]/);
  const line = world.lines.find(({ message }) => message === 'doubled');
  expect(line?.fields).toMatchObject({ controller: 'doubler', namespace, reconcileID: expect.stringMatching(/^[0-9a-f]{16}$/) as string });

  await world.stop();
  expect(world.fatal).toEqual([]);
  await expectNothingLeft(before);
});

test('finalizers of others are neither overwritten nor taken off, although we read too early', async () => {
  const namespace = await newNamespace(client, 'finalizers');
  const key = { namespace, name: 'a' };
  const metadataOf = async (): Promise<ConfigMap['metadata']> => (await client.get(configMaps, key, signal)).metadata;
  const work = { type: configMaps, finalizer, reconcile: async () => 'reconciled', cleanup: async () => undefined };
  const early = await client.create(configMaps, { metadata: key }, signal);
  const theirs = { type: 'merge', body: { metadata: { finalizers: ['them.example/x'] } } } as const;
  const joined = await client.patch(configMaps, key, theirs, signal);
  await expect(withFinalizer(early, work, client, signal)).rejects.toMatchObject({ code: 'HK_KUBE_CONFLICT', retry: 'reread' });
  expect((await metadataOf()).finalizers).toEqual(['them.example/x']);

  await withFinalizer(joined, work, client, signal);
  expect((await metadataOf()).finalizers).toEqual(['them.example/x', finalizer]);
  expect(await withFinalizer(await client.get(configMaps, key, signal), work, client, signal)).toBe('reconciled');

  await client.delete(configMaps, key, {}, signal);
  const deleted = await client.get(configMaps, key, signal);
  const left = { type: 'json', operations: [{ op: 'remove', path: '/metadata/finalizers/0' }] } as const;
  await client.patch(configMaps, key, left, signal);
  // Ours now stands first; the position that we read holds nobody's.
  await expect(withFinalizer(deleted, work, client, signal)).rejects.toMatchObject({ code: 'HK_KUBE_CONFLICT' });
  const again = await client.get(configMaps, key, signal);
  await withFinalizer(again, work, client, signal);
  expect(await client.find(configMaps, key, signal)).toBeUndefined();
  // Done is done, also for those who are late.
  await withFinalizer(again, work, client, signal);
});
