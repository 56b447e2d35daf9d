import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import { storedHall } from '../hall/testing/objects.ts';
import { FilledCaches } from '../testing/stores.ts';
import { drillMetrics } from './drill-metrics.ts';
import { aPairThatIs, aStoredDrill } from './testing/drills.ts';

const about = 'hall="hall-7",pair="pair-7",schedule="weekly",resource_namespace="hall-7"';
const last = (result: string, value: number): string => `hallkeeper_drill_last_result{${about},result="${result}"} ${value}`;

function shownOf(filled: FilledCaches): Promise<readonly string[]> {
  const registry = new Registry();
  drillMetrics(registry, filled.caches);
  return registry.metrics().then((text) => text.split('\n').filter((line) => line.startsWith('hallkeeper_drill')));
}

function seen(...schedules: readonly DrillSchedule[]): FilledCaches {
  const filled = new FilledCaches();
  filled.halls.see(storedHall());
  filled.pairs.see(aPairThatIs('True', 'StandbyStreaming'));
  filled.drillSchedules.see(...schedules);
  return filled;
}

test('tells what became of the drill that was due last, and when the next one is', async () => {
  const shown = await shownOf(seen(aStoredDrill({}, { lastResult: 'Skipped', nextRun: '2026-07-08T02:00:00Z' })));
  expect(shown).toEqual([
    last('Running', 0),
    last('Succeeded', 0),
    last('Failed', 0),
    last('Skipped', 1),
    last('Missed', 0),
    `hallkeeper_drill_next_run_timestamp_seconds{${about}} ${Date.parse('2026-07-08T02:00:00Z') / 1_000}`,
  ]);
});

test('says nothing that is not known: before the first was due, while it is suspended, and once the schedule is gone', async () => {
  expect(await shownOf(seen(aStoredDrill()))).toEqual([]);
  const filled = seen(aStoredDrill({ suspend: true }, { lastResult: 'Failed', nextRun: '2026-07-08T02:00:00Z' }));
  const shown = await shownOf(filled);
  expect(shown).toContain(last('Failed', 1));
  expect(shown.join('\n')).not.toContain('next_run');
  expect(await shownOf(seen())).toEqual([]);
});
