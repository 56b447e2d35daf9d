import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { defineResource } from './objects.ts';
import type { KubeObject, ResourceType } from './objects.ts';
import { risingMicros } from './rising-micros.ts';
import { microTime } from './time.ts';

/** What happened to an object, told to people who look at it. A hint, never a record: it may be dropped. */
export interface Happening {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase: why it happened. At most 128 characters. */
  readonly reason: string;
  /** CamelCase: what we did. */
  readonly action: string;
  /** For people; cut at 1 kB. Repetitions keep the first text. */
  readonly note: string;
  /** A second object that has a part in it. */
  readonly related?: ObjectReference;
}

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

/** events.k8s.io/v1 */
export interface KubeEvent extends KubeObject {
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly type: string;
  readonly note: string;
  readonly regarding: ObjectReference;
  readonly related?: ObjectReference;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

export const kubeEvents = defineResource<KubeEvent>({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
});

export interface RecorderOptions {
  /** `domain/controller` */
  readonly reportingController: string;
  /** The pod or host. */
  readonly reportingInstance: string;
}

export interface RecorderPorts {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** An event did not reach the server: the queue was full, or the server refused it. */
  readonly dropped?: (() => void) | undefined;
}

/** The same thing again within this time counts up the event there is; later it is a new one. */
export const seriesMs = 6 * 60 * 1_000;
/** Beyond these, events are dropped, and the oldest series is forgotten. */
const queueMax = 1_000;
const seriesMax = 4_000;
/** The last events are sent within this time when the program stops; the rest is dropped. */
const flushMaxMs = 3_000;

const noteMax = 1_024;
const wordMax = 128;
/** Of the name of the object; what follows makes the event's name its own. Together they are shorter than the 253 that a name may have. */
const nameMax = 230;

interface Series {
  readonly name: string;
  readonly namespace: string;
  readonly count: number;
  readonly lastMs: number;
}

interface Queued {
  readonly regarding: ObjectReference;
  readonly happening: Happening;
  readonly atMs: number;
  readonly atWallMs: number;
}

/** Sends events one after another, in the background. Recording never waits and never fails. */
export class EventRecorder {
  readonly #options: RecorderOptions;
  readonly #ports: RecorderPorts;
  readonly #queue: Queued[] = [];
  readonly #series = new Map<string, Series>();
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;

  constructor(options: RecorderOptions, ports: RecorderPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  record<T extends KubeObject>(type: ResourceType<T>, object: T, happening: Happening): void {
    const { clock } = this.#ports;
    if (this.#stop.signal.aborted || this.#queue.length >= queueMax) return this.#ports.dropped?.();
    const { name, namespace, uid } = object.metadata;
    const regarding: ObjectReference = {
      apiVersion: type.apiVersion,
      kind: type.kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    };
    this.#queue.push({ regarding, happening, atMs: clock.nowMs(), atWallMs: clock.wallMs() });
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = undefined));
  }

  /** Sends what is still queued, for a bounded time, then drops the rest. */
  async stop(): Promise<void> {
    const done = new AbortController();
    this.#ports.clock.sleep(flushMaxMs, done.signal).then(
      () => this.#stop.abort(new Error('the event recorder stops')),
      () => undefined,
    );
    await this.#sending;
    done.abort();
    this.#stop.abort(new Error('the event recorder has stopped'));
  }

  part(): Part {
    return { name: 'events', start: () => undefined, stop: () => this.stop(), stopMaxMs: flushMaxMs + 1_000 };
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      try {
        this.#stop.signal.throwIfAborted();
        await this.#send(next);
      } catch (error) {
        this.#ports.dropped?.();
        this.#ports.log.debug({ reason: next.happening.reason, error: messageOf(error) }, 'event dropped');
      }
    }
  }

  async #send(queued: Queued): Promise<void> {
    const key = seriesKey(queued, this.#options);
    const known = this.#series.get(key);
    if (known !== undefined && queued.atMs - known.lastMs <= seriesMs && (await this.#countUp(known, queued))) {
      this.#remember(key, { ...known, count: known.count + 1, lastMs: queued.atMs });
      return;
    }
    const event = await this.#create(queued);
    this.#remember(key, { name: event.metadata.name, namespace: event.metadata.namespace ?? '', count: 1, lastMs: queued.atMs });
  }

  /** Another process may have used the name for the same object; then the next one is free. */
  async #create(queued: Queued): Promise<KubeEvent> {
    const { client, clock } = this.#ports;
    const create = (): Promise<KubeEvent> =>
      client.create(kubeEvents, eventOf(queued, risingMicros(clock), this.#options), this.#stop.signal);
    try {
      return await create();
    } catch (error) {
      if (!isKubeError(error, 'HK_KUBE_EXISTS')) throw error;
      return create();
    }
  }

  /** False when the event is gone, as the server removes events after an hour: a new one is made. */
  async #countUp({ name, namespace, count }: Series, { atWallMs }: Queued): Promise<boolean> {
    const series = { count: count + 1, lastObservedTime: microTime(atWallMs) };
    try {
      await this.#ports.client.patch(kubeEvents, { namespace, name }, { type: 'merge', body: { series } }, this.#stop.signal);
      return true;
    } catch (error) {
      if (isKubeError(error, 'HK_KUBE_NOT_FOUND')) return false;
      throw error;
    }
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key);
    this.#series.set(key, series);
    if (this.#series.size <= seriesMax) return;
    for (const oldest of this.#series.keys()) return void this.#series.delete(oldest);
  }
}

/** What makes two happenings the same. Not the note: it may hold changing figures. */
function seriesKey({ regarding, happening: { related, type, reason, action } }: Queued, options: RecorderOptions): string {
  return JSON.stringify([regarding, related, type, reason, action, options.reportingController, options.reportingInstance]);
}

function eventOf({ regarding, happening, atWallMs }: Queued, micros: number, options: RecorderOptions): KubeEvent {
  const { type, reason, action, note, related } = happening;
  const time = microTime(atWallMs);
  return {
    metadata: {
      // A cut name may end with a dot or a dash, which may not stand before another dot.
      name: `${regarding.name.slice(0, nameMax).replace(/[^a-z0-9]+$/, '')}.${micros.toString(16)}`,
      namespace: regarding.namespace ?? 'default',
    },
    eventTime: time,
    reportingController: options.reportingController,
    reportingInstance: options.reportingInstance.slice(0, wordMax),
    action: action.slice(0, wordMax),
    reason: reason.slice(0, wordMax),
    type,
    note: cut(note, noteMax),
    regarding,
    ...(related === undefined ? {} : { related }),
  };
}

/** At most this many bytes of UTF-8, without half a character. */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return bytes
    .subarray(0, bytesMax)
    .toString()
    .replace(/\uFFFD$/, '');
}
