import { collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';
import { boundText } from '#lib/exposition/number-text.ts';

/**
 * Default metrics of prom-client that break the rules of names which `promtool check metrics` and our own families keep: gauges that end in
 * `_total`, names of types, and a label called `type`.
 */
const refused = [
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_eventloop_utilization_summary',
  'nodejs_eventloop_utilization_histogram',
] as const;

/** What the process tells about itself. */
export function processMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of refused) registry.removeSingleMetric(name);
}

/** The answer to a scrape: what the registry holds, with the bounds of buckets in their canonical form (`1e-08` and `1.0`). */
export async function metricsText(registry: Registry): Promise<string> {
  return canonicalBounds(await registry.metrics());
}

/** Within the text of a label a quote is escaped, so `le="` behind a brace or a comma is always the label itself. */
function canonicalBounds(text: string): string {
  return text.replace(/(?<=[{,])le="([^"\\]+)"/g, (label: string, bound: string) =>
    bound === '+Inf' || !Number.isFinite(Number(bound)) ? label : `le="${boundText(Number(bound))}"`,
  );
}
