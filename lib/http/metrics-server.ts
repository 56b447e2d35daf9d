import { setImmediate } from 'node:timers/promises';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import { Exposition } from '#lib/exposition/exposition.ts';
import type { Collector } from '#lib/exposition/samples.ts';
import { healthEndpoints } from './health-endpoints.ts';
import type { HealthChecks } from './health-endpoints.ts';
import { HttpServer } from './http-server.ts';
import type { HttpTls } from './http-server.ts';
import { landingPage } from './landing-page.ts';
import { metricsEndpoint } from './metrics-endpoint.ts';
import { programCollector } from './program-collector.ts';
import type { ProgramFacts } from './program-collector.ts';
import { programFamilies } from './program-families.ts';

export interface MetricsServerOptions extends ProgramFacts {
  readonly address: string;
  /** 0 lets the machine choose. */
  readonly port: number;
  readonly tls?: HttpTls;
  /** One sentence for the landing page. */
  readonly summary: string;
  readonly collectors: readonly Collector[];
  readonly checks: HealthChecks;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The HTTP side of a program: `/metrics` of its collectors and of the process itself, `/-/healthy`, `/-/ready`, and `/`. */
export function metricsServer(options: MetricsServerOptions): HttpServer {
  const { program, clock, log } = options;
  const yieldTurn = (): Promise<void> => setImmediate();
  const collectors = [...options.collectors, programCollector(options)];
  const exposition = new Exposition(collectors, programFamilies, { clock, log, yieldTurn });
  return new HttpServer({
    name: 'http',
    address: options.address,
    port: options.port,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    endpoints: [metricsEndpoint({ exposition }), ...healthEndpoints(options.checks, log), landingPage(program, options.summary)],
    clock,
    log,
  });
}
