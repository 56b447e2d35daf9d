import { Registry } from 'prom-client';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { KubeCaches } from '#lib/kube/caches.ts';
import { KubeMetrics } from '#lib/kube/metrics.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import { productMetrics } from '../operator-metrics.ts';
import { processMetrics } from '../runtime-metrics.ts';

/** What the operator exposes, put together as it does, with one controller and a Hall. */
export function registryOfOperator(): Registry {
  const registry = new Registry();
  processMetrics(registry);
  const metrics = new KubeMetrics(registry);
  metrics.controller('hall', 1);
  const client = { list: () => Promise.reject(new Error('unused')), watch: () => Promise.reject(new Error('unused')) as never };
  const caches = new KubeCaches({ client, clock: systemClock, random: seededRandom(1), log: silentLog, fatal: () => undefined });
  metrics.watch({ controllers: [], caches, clock: systemClock });
  metrics.elector('operator');
  metrics.requests.answered({ verb: 'LIST', method: 'GET', host: 'api', code: '200' }, 0.1);
  const nothing = { list: () => [], byIndex: () => [] };
  const hall = { metadata: { name: 'north', namespace: 'halls' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  productMetrics(registry, {
    halls: { list: () => [hall] },
    pairs: nothing,
    drillSchedules: nothing,
    secrets: nothing,
    claims: nothing,
  } as unknown as OperatorCaches);
  return registry;
}
