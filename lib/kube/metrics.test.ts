import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { KubeCaches } from './caches.ts';
import { Controller } from './controller.ts';
import { KubeMetrics } from './metrics.ts';
import { defineResource } from './objects.ts';
import { settle, SimulatedClock } from './testing/simulated-clock.ts';

const things = defineResource({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });

function rig(): { readonly registry: Registry; readonly clock: SimulatedClock; readonly controller: Controller } {
  const registry = new Registry();
  const metrics = new KubeMetrics(registry);
  const clock = new SimulatedClock();
  const random = seededRandom(1);
  const options = { name: 'hall', workers: 1, runMaxMs: 1e6, backoff: { firstMs: 5, maxMs: 5, jitterPercent: 0 } };
  const reconcile = async (): Promise<undefined> => {
    await clock.sleep(2_000);
    return undefined;
  };
  const ports = { clock, random, log: silentLog, fatal: () => undefined, observer: metrics.controller('hall', 1) };
  const controller = new Controller({ ...options, reconcile }, ports);
  const client = { list: () => Promise.reject(new Error('unused')), watch: () => Promise.reject(new Error('unused')) as never };
  const caches = new KubeCaches({ client, clock, random, log: silentLog, fatal: () => undefined });
  caches.reflect({ type: things });
  metrics.elector('operator');
  metrics.watch({ controllers: [controller], caches, clock });
  return { registry, clock, controller };
}

test('every series of a controller stands at zero from the start', async () => {
  const lines = (await rig().registry.metrics()).split('\n');
  const expected = [
    ...['success', 'error', 'requeue', 'requeue_after'].map(
      (result) => `controller_runtime_reconcile_total{controller="hall",result="${result}"} 0`,
    ),
    ...['reconcile_errors', 'terminal_reconcile_errors', 'reconcile_panics', 'reconcile_timeouts'].map(
      (name) => `controller_runtime_${name}_total{controller="hall"} 0`,
    ),
    'controller_runtime_active_workers{controller="hall"} 0',
    'controller_runtime_max_concurrent_reconciles{controller="hall"} 1',
    'controller_runtime_reconcile_time_seconds_count{controller="hall"} 0',
    'workqueue_depth{name="hall",controller="hall",priority="0"} 0',
    ...['adds_total', 'retries_total', 'queue_duration_seconds_count', 'work_duration_seconds_count'].map(
      (name) => `workqueue_${name}{name="hall",controller="hall"} 0`,
    ),
    ...['unfinished_work_seconds', 'longest_running_processor_seconds'].map((name) => `workqueue_${name}{name="hall",controller="hall"} 0`),
    'leader_election_master_status{name="operator"} 0',
    'leader_election_slowpath_total{name="operator"} 0',
    'hallkeeper_kube_events_dropped_total 0',
    'hallkeeper_kube_reflector_mode{resource="things",mode="empty"} 1',
    'hallkeeper_kube_reflector_mode{resource="things",mode="watching"} 0',
    'hallkeeper_kube_reflector_lists_total{resource="things"} 0',
  ];
  for (const line of expected) expect(lines).toContain(line);
  expect(lines.filter((line) => line.startsWith('hallkeeper_kube_reflector_last_heard_timestamp_seconds{'))).toEqual([]);
});

test('work shows while it is done and after', async () => {
  const { registry, clock, controller } = rig();
  controller.start();
  controller.enqueue({ name: 'a' });
  controller.enqueue({ name: 'b' });
  await settle();
  await clock.advance(500);
  const during = await registry.metrics();
  expect(during).toContain('workqueue_depth{name="hall",controller="hall",priority="0"} 1');
  expect(during).toContain('workqueue_unfinished_work_seconds{name="hall",controller="hall"} 0.5');
  expect(during).toContain('controller_runtime_active_workers{controller="hall"} 1');
  await clock.advance(4_000);
  const after = await registry.metrics();
  expect(after).toContain('workqueue_queue_duration_seconds_sum{name="hall",controller="hall"} 2');
  expect(after).toContain('workqueue_work_duration_seconds_sum{name="hall",controller="hall"} 4');
  expect(after).toContain('controller_runtime_reconcile_total{controller="hall",result="success"} 2');
  expect(after).toContain('controller_runtime_active_workers{controller="hall"} 0');
  await controller.stop();
});
