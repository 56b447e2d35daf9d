import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import { operatorFamilies } from '../families.ts';
import { hallNameOf } from '../hall/hall-of-pair.ts';
import type { OperatorCaches } from '../operator-caches.ts';

const { drillResult, drillNext } = operatorFamilies;
const results = drillResult.labels.result;

/** The hall and the pair that a schedule is about, as labels. Without its pair there is no hall. */
export function aboutDrill(
  { metadata, spec }: DrillSchedule,
  caches: Pick<OperatorCaches, 'claims' | 'halls' | 'pairs'>,
): { readonly hall: string; readonly pair: string } {
  const pair = caches.pairs.get({ namespace: metadata.namespace, name: spec.pairRef.name });
  return { hall: pair === undefined ? '' : hallNameOf(pair, caches), pair: spec.pairRef.name };
}

/** What became of the drills that were due, and when the next ones are, read from the caches at each scrape. */
export function drillMetrics(registry: Registry, caches: Pick<OperatorCaches, 'claims' | 'halls' | 'pairs' | 'drillSchedules'>): void {
  const registers = [registry];
  const labelsOf = (schedule: DrillSchedule) => ({
    ...aboutDrill(schedule, caches),
    schedule: schedule.metadata.name,
    resource_namespace: schedule.metadata.namespace ?? '',
  });
  const last: Gauge<'hall' | 'pair' | 'schedule' | 'resource_namespace' | 'result'> = new Gauge({
    name: drillResult.name,
    help: drillResult.help,
    labelNames: ['hall', 'pair', 'schedule', 'resource_namespace', 'result'],
    registers,
    collect: () => {
      last.reset();
      for (const schedule of caches.drillSchedules.list()) {
        const result = schedule.status?.lastResult;
        if (result === undefined) continue;
        for (const each of results) last.set({ ...labelsOf(schedule), result: each }, each === result ? 1 : 0);
      }
    },
  });
  const next: Gauge<'hall' | 'pair' | 'schedule' | 'resource_namespace'> = new Gauge({
    name: drillNext.name,
    help: drillNext.help,
    labelNames: ['hall', 'pair', 'schedule', 'resource_namespace'],
    registers,
    collect: () => {
      next.reset();
      for (const schedule of caches.drillSchedules.list()) {
        const dueMs = Date.parse(schedule.status?.nextRun ?? '');
        if (!schedule.spec.suspend && Number.isFinite(dueMs)) next.set(labelsOf(schedule), dueMs / 1_000);
      }
    },
  });
}
