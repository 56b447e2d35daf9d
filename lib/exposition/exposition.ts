import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { constantSamples } from './constant-samples.ts';
import type { Family } from './family.ts';
import { endText, metadataText } from './format.ts';
import type { Format } from './format.ts';
import type { Collector, Samples } from './samples.ts';
import { expositionErrors } from './series-table.ts';

/** Families about the scrape itself; every answer has them. */
export interface ScrapeFamilies {
  /** 1 when the collector gave its families, else 0. */
  readonly success: Family<{ readonly collector: 'any' }>;
  readonly durationSeconds: Family<{ readonly collector: 'any' }>;
  /** Sample lines of the answer, this one included. */
  readonly series: Family;
}

export interface ExpositionPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Lets the event loop do something else; called between two chunks. */
  readonly yieldTurn: () => Promise<void>;
}

/** One answer, collected and not yet rendered: nothing in it changes any more. */
export interface Scrape {
  /** Sample lines. */
  readonly lines: number;
  readonly samples: readonly Samples[];
  /**
   * The bytes, in chunks of at most 64 KiB (one object with longer lines makes a longer one). A chunk is valid until the next one is
   * asked for: its memory is used again. Stops with the signal's reason.
   */
  chunks(format: Format, signal: AbortSignal): AsyncGenerator<Uint8Array, void>;
}

/** Collectors put together to what one address exposes. */
export class Exposition {
  readonly #collectors: readonly Collector[];
  readonly #families: ScrapeFamilies;
  readonly #ports: ExpositionPorts;
  #idle: ChunkWriter | undefined = new ChunkWriter();
  /** The last failure told of each collector, so that a lasting one is one line and not one per scrape. */
  readonly #told = new Map<string, string>();

  constructor(collectors: readonly Collector[], families: ScrapeFamilies, ports: ExpositionPorts) {
    this.#collectors = collectors;
    this.#families = families;
    this.#ports = ports;
  }

  /**
   * Asks every collector for its present state. Those that answer at once are asked in one step of the event loop and show one
   * instant together. One that fails, or has not answered when the signal aborts, costs only its own families.
   */
  async collect(signal: AbortSignal): Promise<Scrape> {
    const results = await Promise.all(this.#collectors.map((collector) => this.#collectOne(collector, signal)));
    const taken = new Set<string>();
    const samples: Samples[] = [];
    const success: { labels: { collector: string }; value: number }[] = [];
    for (const { collector, found } of results) {
      const twice = found instanceof Failure ? undefined : firstTaken(found, taken);
      const failure =
        found instanceof Failure ? found : twice === undefined ? undefined : new Failure(expositionErrors.HK_FAMILY_TWICE(twice));
      this.#tell(collector, failure);
      success.push({ labels: { collector }, value: failure === undefined ? 1 : 0 });
      if (found instanceof Failure || failure !== undefined) continue;
      for (const each of found) taken.add(each.family.name);
      samples.push(...found);
    }
    const durations = results.map(({ collector, seconds }) => ({ labels: { collector }, value: seconds }));
    samples.push(constantSamples(this.#families.success, success), constantSamples(this.#families.durationSeconds, durations));
    const lines = samples.reduce((sum, each) => sum + each.lines, 1);
    samples.push(constantSamples(this.#families.series, [{ labels: {}, value: lines }]));
    return { lines, samples, chunks: (format, limit) => this.#chunks(samples, format, limit) };
  }

  /** Uses the idle writer, or a new one while another scrape has it. */
  async *#chunks(samples: readonly Samples[], format: Format, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const out = this.#idle ?? new ChunkWriter();
    this.#idle = undefined;
    try {
      yield* render(samples, format, { out, yieldTurn: this.#ports.yieldTurn, signal });
    } finally {
      out.at = 0;
      this.#idle = out;
    }
  }

  async #collectOne(collector: Collector, signal: AbortSignal): Promise<CollectorResult> {
    const began = this.#ports.clock.nowMs();
    let found: readonly Samples[] | Failure;
    try {
      const answer = collector.collect(signal);
      found = answer instanceof Promise ? await unlessAborted(answer, signal) : answer;
    } catch (error) {
      found = new Failure(error);
    }
    return { collector: collector.name, found, seconds: (this.#ports.clock.nowMs() - began) / 1_000 };
  }

  #tell(collector: string, failure: Failure | undefined): void {
    const problem = failure === undefined ? undefined : messageOf(failure.error);
    if (problem === this.#told.get(collector)) return;
    if (problem === undefined) {
      this.#told.delete(collector);
      this.#ports.log.info({ collector }, 'the collector answers again');
    } else {
      this.#told.set(collector, problem);
      this.#ports.log.warn({ collector, problem }, 'the collector failed, its families are missing');
    }
  }
}

interface CollectorResult {
  readonly collector: string;
  readonly found: readonly Samples[] | Failure;
  readonly seconds: number;
}

class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** The first family that was taken before, or that stands twice. */
function firstTaken(samples: readonly Samples[], taken: ReadonlySet<string>): string | undefined {
  const own = new Set<string>();
  for (const { family } of samples) {
    if (taken.has(family.name) || own.has(family.name)) return family.name;
    own.add(family.name);
  }
  return undefined;
}

/** An answer, or the signal's reason when that comes first. A late failure of the abandoned answer is of no interest. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(signal.reason as Error);
    if (signal.aborted) abandon();
    signal.addEventListener('abort', abandon, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}

interface RenderPorts {
  readonly out: ChunkWriter;
  readonly yieldTurn: () => Promise<void>;
  readonly signal: AbortSignal;
}

async function* render(
  samples: readonly Samples[],
  format: Format,
  { out, yieldTurn, signal }: RenderPorts,
): AsyncGenerator<Uint8Array, void> {
  const put = (text: string): boolean => {
    if (!out.fits(Buffer.byteLength(text))) return false;
    out.text(text);
    return true;
  };
  for (const each of samples) {
    if (each.lines === 0) continue;
    const metadata = metadataText(each.family, format);
    if (!put(metadata)) {
      yield out.take();
      put(metadata);
    }
    for (let next = each.write(out, 0); next < each.end; next = each.write(out, next)) {
      yield out.take();
      await yieldTurn();
      signal.throwIfAborted();
    }
  }
  const end = endText(format);
  if (!put(end)) {
    yield out.take();
    put(end);
  }
  if (out.at > 0) yield out.take();
}
