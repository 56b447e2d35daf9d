import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import { InvariantBroken } from '#lib/base/invariant.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { KubeClient } from './client.ts';
import { stepReflector } from './decide-reflector.ts';
import type { Delivery, ReflectorHappening, ReflectorMode, ReflectorPause, ReflectorState } from './decide-reflector.ts';
import { isKubeError, KubeError } from './errors.ts';
import type { KubeErrorCode } from './errors.ts';
import type { KubeObject, ResourceType } from './objects.ts';
import { Store, trimObject } from './store.ts';
import type { IndexFunction, ReadableStore, StoreListener } from './store.ts';

export interface ReflectorPorts {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ReflectorOptions<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** Applied before an object is stored; the default drops what only costs memory. */
  readonly transform?: (object: T) => T;
}

/** How a reflector does, for health, metrics and conditions. */
export interface ReflectorStatus {
  readonly mode: ReflectorMode;
  readonly hasSynced: boolean;
  /** Complete lists so far. */
  readonly lists: number;
  /** Since the last page, event or bookmark; undefined before the first. */
  readonly silentMs: number | undefined;
  /** The last failure, cleared by the next success. HK_KUBE_FORBIDDEN means that a permission is missing. */
  readonly failure: { readonly code: KubeErrorCode; readonly message: string } | undefined;
}

/** Figures of client-go and kube-rs. */
const pageSize = 500;
const watchSecondsMin = 300;
const watchSecondsMax = 600;
const backoffPolicy = { firstMs: 800, maxMs: 30_000, jitterPercent: 100 } as const;
const backoffResetMs = 120_000;

/** Keeps a store equal to the server: lists once, then follows. Shared by everybody who reads this resource. */
export class Reflector<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #ports: ReflectorPorts;
  readonly #store: Store<T>;
  #state: ReflectorState<T> = { mode: 'empty' };
  #lists = 0;
  #heardAtMs: number | undefined;
  #failure: ReflectorStatus['failure'];
  #failures = { count: 0, lastAtMs: -Infinity };
  /** How many lists were asked for by `refresh`; a list serves those that were asked for before it began. */
  #asked = 0;
  #serving = 0;
  #served = 0;
  /** Ends what the reflector does at the moment, so that it looks what it shall do next. */
  #round = new AbortController();

  constructor(options: ReflectorOptions<T>, ports: ReflectorPorts) {
    this.type = options.type;
    this.#options = options;
    this.#ports = { ...ports, log: ports.log.with({ resource: options.type.plural }) };
    this.#store = new Store(options.indexes ?? {}, (error) => {
      this.#ports.log.error({ error: messageOf(error) }, 'a listener of the store failed');
    });
  }

  get store(): ReadableStore<T> {
    return this.#store;
  }

  /** True after the first complete list was handed to every listener, and from then on. */
  get hasSynced(): boolean {
    return this.#lists > 0;
  }

  /** Hears of everything stored already, then of every change. Returns how to stop. */
  listen(listener: StoreListener<T>): () => void {
    this.#store.replay(listener);
    return this.#store.listen(listener);
  }

  status(): ReflectorStatus {
    return {
      mode: this.#state.mode,
      hasSynced: this.hasSynced,
      lists: this.#lists,
      silentMs: this.#heardAtMs === undefined ? undefined : this.#ports.clock.nowMs() - this.#heardAtMs,
      failure: this.#failure,
    };
  }

  /**
   * Lists anew, whatever a watch says or does not say: a stream whose server went away without a word looks like one on which nothing
   * happens. The store keeps what it holds until the list is complete.
   *
   * @returns How to ask whether a list that began after this call stands in the store.
   */
  refresh(): () => boolean {
    this.#asked += 1;
    const wanted = this.#asked;
    this.#round.abort(new Error('a new list is asked for'));
    return () => this.#served >= wanted;
  }

  /** Runs until the signal aborts. Whatever fails is tried again; it rejects only with InvariantBroken. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#round = new AbortController();
      const either = AbortSignal.any([signal, this.#round.signal]);
      if (this.#serving < this.#asked) {
        this.#serving = this.#asked;
        this.#step({ what: 'outdated' });
      }
      try {
        await this.#pause(await this.#act(either), either);
      } catch (error) {
        if (error instanceof InvariantBroken) throw error;
        if (either.aborted) continue;
        await this.#pause(this.#fail(error), either).catch(() => undefined);
      }
    }
  }

  async #act(signal: AbortSignal): Promise<ReflectorPause | undefined> {
    const state = this.#state;
    const { client } = this.#ports;
    const { type, namespace, labelSelector, fieldSelector } = this.#options;
    const selection = { namespace, labelSelector, fieldSelector };
    if (state.mode === 'empty' || state.mode === 'listing') {
      const continueToken = state.mode === 'listing' ? state.continueToken : undefined;
      const page = await client.list(type, { ...selection, limit: pageSize, continueToken }, signal);
      return this.#step({ what: 'page', ...page });
    }
    const { resourceVersion } = state;
    const timeoutSeconds = watchSecondsMin + this.#ports.random.below(watchSecondsMax - watchSecondsMin + 1);
    this.#step({ what: 'opening' });
    for await (const event of client.watch(type, { ...selection, resourceVersion, timeoutSeconds }, signal))
      this.#step({ what: 'event', event });
    signal.throwIfAborted();
    return this.#step({ what: 'ended' });
  }

  #step(happening: ReflectorHappening<T>): ReflectorPause | undefined {
    const nowMs = this.#ports.clock.nowMs();
    const { state, deliver, pause } = stepReflector(this.#state, happening, nowMs);
    this.#state = state;
    if (happening.what === 'page' || happening.what === 'event') {
      this.#heardAtMs = nowMs;
      this.#failure = undefined;
    }
    if (deliver !== undefined) this.#deliver(deliver);
    return pause;
  }

  #deliver(delivery: Delivery<T>): void {
    const transform = this.#options.transform ?? trimObject;
    switch (delivery.do) {
      case 'replace':
        this.#store.replace(delivery.objects.map(transform));
        this.#lists += 1;
        this.#served = this.#serving;
        return;
      case 'put':
        return this.#store.put(transform(delivery.object));
      case 'remove':
        return this.#store.remove(transform(delivery.object));
    }
  }

  /** Anything thrown that is no KubeError is a fault of our own or of a check of the type; it is told and tried again. */
  #fail(error: unknown): ReflectorPause | undefined {
    const known = error instanceof KubeError ? error : undefined;
    const code = known?.code ?? 'HK_KUBE_GARBLED';
    this.#failure = { code, message: messageOf(error) };
    const level = isKubeError(error, 'HK_KUBE_EXPIRED') ? 'info' : 'warn';
    this.#ports.log[level]({ mode: this.#state.mode, code, error: messageOf(error) }, 'list or watch failed');
    return this.#step({ what: 'failed', error: { code, retryAfterMs: known?.retryAfterMs } });
  }

  async #pause(pause: ReflectorPause | undefined, signal: AbortSignal): Promise<void> {
    if (pause === undefined) return;
    const { clock, random } = this.#ports;
    const nowMs = clock.nowMs();
    const count = nowMs - this.#failures.lastAtMs > backoffResetMs ? 1 : this.#failures.count + 1;
    this.#failures = { count, lastAtMs: nowMs };
    await clock.sleep(Math.max(backoffMs(count, backoffPolicy, random), pause.atLeastMs), signal);
  }
}
