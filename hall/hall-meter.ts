import { status } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { MetricSet } from '#lib/exposition/metric-set.ts';
import { answerCodes, hallFamilies } from './families.ts';
import type { AnswerCode, HallMethod } from './families.ts';

const stallLookEveryMs = 50;

/** Counts what the hall server does, for its own `/metrics`. */
export interface HallMeter {
  /** @param code  gRPC status of the answer. @param fromMs  When the request was read, by the clock. */
  answered(method: HallMethod, code: status, fromMs: number): void;
  streams(method: 'attach' | 'watch', count: number): void;
  committed(ms: number): void;
  /** @param why  Why the ledger cannot be written; empty: it can; undefined: this server does not lead. */
  ledger(why: string | undefined): void;
}

/** The meter and the collector that shows it. */
export class HallMetrics implements HallMeter {
  readonly set: MetricSet<'hall' | 'member'>;
  readonly #clock: Clock;
  readonly #requests;
  readonly #requestSeconds;
  readonly #streams;
  readonly #commitSeconds;
  readonly #ledgerWritable;
  #ledgerWhy: string | undefined;
  readonly #stallSeconds;

  constructor(names: { readonly hall: string; readonly member: string }, clock: Clock) {
    this.#clock = clock;
    this.set = new MetricSet('hall', { hall: names.hall, member: names.member });
    this.#requests = this.set.counter(hallFamilies.requests);
    this.#requestSeconds = this.set.histogram(hallFamilies.requestSeconds);
    this.#streams = this.set.gauge(hallFamilies.streams);
    this.#ledgerWritable = this.set.gauge(hallFamilies.ledgerWritable);
    this.#commitSeconds = this.set.histogram(hallFamilies.commitSeconds);
    this.#stallSeconds = this.set.histogram(hallFamilies.stallSeconds);
    this.streams('attach', 0);
    this.streams('watch', 0);
  }

  answered(method: HallMethod, code: status, fromMs: number): void {
    this.#requests.add({ method, code: codeNameOf(code) });
    this.#requestSeconds.observe({ method }, (this.#clock.nowMs() - fromMs) / 1_000);
  }

  streams(method: 'attach' | 'watch', count: number): void {
    this.#streams.set({ method }, count);
  }

  committed(ms: number): void {
    this.#commitSeconds.observe({}, ms / 1_000);
  }

  ledger(why: string | undefined): void {
    this.#ledgerWhy = why;
    if (why === undefined) this.#ledgerWritable.remove({});
    else this.#ledgerWritable.set({}, why === '' ? 1 : 0);
  }

  /** For `/-/ready`: a leading server that cannot write. A standby is ready, for it answers that it is one. */
  get ledgerProblem(): string | undefined {
    return this.#ledgerWhy === undefined || this.#ledgerWhy === '' ? undefined : `the ledger cannot be written: ${this.#ledgerWhy}`;
  }

  async watchStalls(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const dueMs = this.#clock.nowMs() + stallLookEveryMs;
      await this.#clock.sleep(stallLookEveryMs, signal).catch(() => undefined);
      if (!signal.aborted) this.#stallSeconds.observe({}, Math.max(0, this.#clock.nowMs() - dueMs) / 1_000);
    }
  }
}

/** Statuses we never answer with count as INTERNAL: they would be a fault of ours. */
function codeNameOf(code: status): AnswerCode {
  return answerCodes.find((name) => status[name] === code) ?? 'INTERNAL';
}
