import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { HttpServer, HttpTls } from '#lib/http/http-server.ts';
import { metricsServer } from '#lib/http/metrics-server.ts';
import { rosterTerminalsMax } from '#lib/link/limits.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';
import { FleetCollector } from './fleet-collector.ts';
import { HorizonWatch } from './horizon-watch.ts';

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

/** So long nothing is said of a hall server of which nothing was heard yet; then it counts as down. */
export const firstWordMaxMs = 15_000;

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
  readonly #horizon: HorizonWatch;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> = Promise.resolve();

  constructor(options: ExporterOptions, collector: FleetCollector) {
    this.#options = options;
    this.#collector = collector;
    this.#horizon = new HorizonWatch(options.clock);
  }

  start(): void {
    this.#running = this.#follow().catch((error: unknown) => {
      this.problem = `the feed is not followed any more: ${messageOf(error)}`;
      this.#take({ kind: 'lost', why: this.problem });
      this.#options.log.error({ why: messageOf(error) }, 'the feed is not followed any more; a restart cures it');
    });
    this.#waiting = this.#boundFirstWord();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the exporter stops'));
    await Promise.all([this.#running, this.#waiting]);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    for await (const event of this.#options.watch(signal)) this.#take(event);
    if (!signal.aborted) throw new Error('it ended');
  }

  /** A hall server that neither answers nor refuses is down as well. */
  async #boundFirstWord(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    await clock.sleep(firstWordMaxMs, signal).catch(() => undefined);
    if (!this.heard && !signal.aborted)
      this.#take({ kind: 'lost', why: `there was no word of the hall server within ${firstWordMaxMs} ms` });
  }

  #take(event: FleetEvent): void {
    const { log } = this.#options;
    const before = this.#collector.problem;
    if (event.kind === 'measurements') this.#collector.markStale(this.#horizon.look(event.measurements.horizonUnixMs));
    this.#collector.apply(event);
    const problem = this.#collector.problem;
    if (problem !== undefined && (problem !== before || !this.heard)) log.warn({ problem }, 'nothing is known of the terminals now');
    if (problem === undefined && before !== undefined) log.info({}, 'the hall server tells of its terminals');
    this.heard = true;
  }
}
