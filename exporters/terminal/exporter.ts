import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { HttpServer, HttpTls } from '#lib/http/http-server.ts';
import { metricsServer } from '#lib/http/metrics-server.ts';
import { rosterTerminalsMax } from '#lib/link/limits.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';
import { FleetCollector } from './fleet-collector.ts';

export interface ExporterOptions {
  readonly hall: string;
  readonly version: string;
  readonly address: string;
  readonly port: number;
  readonly tls?: HttpTls;
  /** The feed of the hall, for ever; ends when the signal aborts. */
  readonly watch: (signal: AbortSignal) => AsyncIterable<FleetEvent>;
  readonly clock: Clock;
  readonly log: Logger;
}

export const exporterProgram = 'hallkeeper-exporter-terminal';

/** The terminal exporter of one hall: a follower of the feed, and an HTTP server that shows what it knows. */
export function terminalExporter(options: ExporterOptions): { readonly parts: readonly Part[]; readonly http: HttpServer } {
  const { hall, version, address, port, clock, log } = options;
  const collector = new FleetCollector({ hall, terminalsMax: rosterTerminalsMax });
  const follower = new FeedFollower(options, collector);
  const http = metricsServer({
    program: exporterProgram,
    version,
    address,
    port,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    summary: `Metrics of the terminals of hall ${hall}.`,
    collectors: [collector],
    checks: {
      healthy: [{ name: 'follower', problem: () => follower.problem }],
      // Whoever scrapes before that would see a hall that is down only because nobody has asked it yet.
      ready: [{ name: 'feed', problem: () => (follower.heard ? undefined : 'the hall server was neither reached nor found away yet') }],
    },
    clock,
    log,
  });
  return { parts: [http, follower], http };
}

/** Reads the feed into the collector. */
class FeedFollower implements Part {
  readonly name = 'feed';
  readonly stopMaxMs = 3_000;
  /** Why the follower does not follow any more: a fault of ours, cured by a restart. */
  problem: string | undefined;
  /** Whether the feed said anything yet, be it that the hall server is away. */
  heard = false;
  readonly #options: ExporterOptions;
  readonly #collector: FleetCollector;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ExporterOptions, collector: FleetCollector) {
    this.#options = options;
    this.#collector = collector;
  }

  start(): void {
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the exporter stops'));
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { log, watch } = this.#options;
    const { signal } = this.#stopping;
    try {
      for await (const event of watch(signal)) {
        const before = this.#collector.problem;
        this.#collector.apply(event);
        const problem = this.#collector.problem;
        if (problem !== undefined && (before === undefined || !this.heard)) log.warn({ problem }, 'nothing is known of the terminals now');
        if (problem === undefined && before !== undefined) log.info({}, 'the hall server tells of its terminals');
        this.heard = true;
      }
    } finally {
      if (!signal.aborted) {
        this.problem = 'the feed is not followed any more';
        this.#collector.apply({ kind: 'lost', why: this.problem });
        log.error({}, this.problem);
      }
    }
  }
}
