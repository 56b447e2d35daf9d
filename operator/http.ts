import type { Registry } from 'prom-client';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import { healthEndpoints } from '#lib/http/health-endpoints.ts';
import { HttpServer } from '#lib/http/http-server.ts';
import type { Endpoint, HttpTls } from '#lib/http/http-server.ts';
import type { HttpSettings } from '#lib/http/http-settings.ts';
import { landingPage } from '#lib/http/landing-page.ts';
import type { HealthCheck } from '#lib/kube/health.ts';
import { metricsText } from './runtime-metrics.ts';

interface OperatorHttp {
  readonly settings: HttpSettings;
  readonly tls?: HttpTls | undefined;
  readonly registry: Registry;
  readonly healthy: readonly HealthCheck[];
  readonly ready: readonly HealthCheck[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Health and metrics of the operator; also served by a replica that does not lead. */
export function operatorHttp({ settings, tls, registry, healthy, ready, clock, log }: OperatorHttp): HttpServer {
  const named = (checks: readonly HealthCheck[]) => checks.map((each) => ({ name: each.name, problem: () => each.check() }));
  const metrics: Endpoint = {
    path: '/metrics',
    handle: async (_request, response) => {
      const text = await metricsText(registry);
      response.writeHead(200, { 'Content-Type': registry.contentType });
      response.end(text);
    },
  };
  return new HttpServer({
    name: 'http',
    address: settings.address,
    port: settings.port,
    ...(tls === undefined ? {} : { tls }),
    endpoints: [
      metrics,
      ...healthEndpoints({ healthy: named(healthy), ready: named(ready) }, log),
      landingPage('hallkeeper-operator', 'Reconciles halls, terminals and failover pairs.'),
    ],
    clock,
    log,
  });
}
