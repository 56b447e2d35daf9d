import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { Family } from '#lib/exposition/family.ts';
import { operatorFamilies } from './families.ts';
import { processFamilies } from './process-families.ts';
import { runtimeFamilies } from './runtime-families.ts';
import { metricsText } from './runtime-metrics.ts';
import { registryOfOperator } from './testing/registry.ts';

interface MadeMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
  readonly upperBounds?: readonly number[];
}

const ordinary: readonly Family[] = [...Object.values(operatorFamilies), ...Object.values(runtimeFamilies)];
const ofProcess: readonly Family[] = Object.values(processFamilies);

test('the tables of families, which the handbook is made of, are what the operator exposes', async () => {
  const registry = registryOfOperator();
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, type as string]));
  const made = (registry.getMetricsAsArray() as unknown as readonly MadeMetric[]).map((metric) => ({
    name: metric.name,
    type: types.get(metric.name),
    labels: metric.labelNames.filter((label) => label !== 'le').toSorted(),
    bounds: metric.upperBounds?.filter((bound) => Number.isFinite(bound)),
  }));
  const told = [...ordinary, ...ofProcess].map((family) => ({
    name: family.name,
    type: family.kind === 'info' ? 'gauge' : family.kind,
    labels: Object.keys(family.labels).toSorted(),
    bounds: family.bounds,
  }));
  const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);
  expect(made.toSorted(byName)).toEqual(told.toSorted(byName));
});

test('they say the same of what is ours', () => {
  const helps = new Map(
    (registryOfOperator().getMetricsAsArray() as unknown as readonly MadeMetric[]).map(({ name, help }) => [name, help]),
  );
  for (const { name, help } of ordinary) expect([name, helps.get(name)]).toEqual([name, help]);
});

test('bounds of buckets are canonical, and nothing else is touched', async () => {
  const registry = new Registry();
  const bounds = [1e-8, 0.1, 1, 2.5, 1_000];
  const histogram = new Histogram({
    name: 'test_seconds',
    help: 'le="1" {le="1"}',
    labelNames: ['role', 'le_text'],
    buckets: bounds,
    registers: [registry],
  });
  histogram.observe({ role: '1', le_text: '{le="1",le="1"' }, 3);
  const text = await metricsText(registry);
  const found = [...text.matchAll(/_bucket\{le="([^"]+)"/g)].map(([, bound]) => bound);
  expect(found).toEqual(['1e-08', '0.1', '1.0', '2.5', '1000.0', '+Inf']);
  const label = String.raw`le_text="{le=\"1\",le=\"1\""`;
  expect(text).toContain(`test_seconds_bucket{le="2.5",role="1",${label}} 0`);
  expect(text).toContain(`test_seconds_count{role="1",${label}} 1`);
});
