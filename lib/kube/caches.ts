import type { Part } from '#lib/base/parts.ts';
import { runtimeErrors } from './runtime-errors.ts';
import type { KubeObject } from './objects.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorOptions, ReflectorPorts, ReflectorStatus } from './reflector.ts';

/** The first lists of all resources must be here within this time. */
const syncMaxMs = 120_000;
const syncEveryMs = 25;
/** A reflector ends with its request; nothing in it waits for anything else. */
const stopMaxMs = 2_000;

export interface CachesPorts extends ReflectorPorts {
  /** A broken promise of our own code: the process must end. */
  readonly fatal: (error: Error) => void;
}

interface Followed {
  /** Resource and selection. */
  readonly name: string;
  readonly reflector: Reflector<KubeObject>;
}

/** All reflectors of a program: one per resource and selection, started together. */
export class KubeCaches {
  readonly #ports: CachesPorts;
  readonly #reflectors: Followed[] = [];
  readonly #stop = new AbortController();
  #running: readonly Promise<void>[] = [];

  constructor(ports: CachesPorts) {
    this.#ports = ports;
  }

  /** Declares a resource to follow. Before the start, and once per resource and selection; share what it returns. */
  reflect<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
    const { type, namespace, labelSelector, fieldSelector } = options;
    const name = [type.apiVersion, type.plural, namespace, labelSelector, fieldSelector].filter((part) => part !== undefined).join(' ');
    if (this.#running.length > 0 || this.#reflectors.some((known) => known.name === name)) {
      throw runtimeErrors.HK_CACHE_DECLARED(name);
    }
    const reflector = new Reflector(options, this.#ports);
    this.#reflectors.push({ name, reflector: reflector as unknown as Reflector<KubeObject> });
    return reflector;
  }

  /** The state of every reflector, by a name that holds resource and selection. */
  statuses(): readonly { readonly name: string; readonly plural: string; readonly status: ReflectorStatus }[] {
    return this.#reflectors.map(({ name, reflector }) => ({ name, plural: reflector.type.plural, status: reflector.status() }));
  }

  /**
   * Starts all and waits until every store holds its first list.
   *
   * @throws HK_CACHE_NOT_SYNCED  naming every resource that is missing and why.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { fatal } = this.#ports;
    this.#running = this.#reflectors.map(({ reflector }) =>
      reflector.run(this.#stop.signal).catch((error: unknown) => fatal(error instanceof Error ? error : new Error(String(error)))),
    );
    await this.#until(({ reflector }) => reflector.hasSynced, signal);
  }

  /**
   * Lists everything anew and waits until it stands in the stores: for the moment of an election, because a watch whose server went away
   * without a word may have been silent for minutes, and nobody noticed while there was nothing to do.
   *
   * @throws HK_CACHE_NOT_SYNCED  naming every resource that is missing and why.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const served = new Map(this.#reflectors.map(({ reflector }) => [reflector, reflector.refresh()]));
    await this.#until(({ reflector }) => served.get(reflector)?.() ?? true, signal);
  }

  async #until(isThere: (each: Followed) => boolean, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const endMs = clock.nowMs() + syncMaxMs;
    for (;;) {
      const missing = this.#reflectors
        .filter((each) => !isThere(each))
        .map(({ name, reflector }) => ({ name, status: reflector.status() }));
      if (missing.length === 0) return;
      if (clock.nowMs() >= endMs) {
        const reasons = missing.map(({ name, status }) => `${name} (${status.failure?.message ?? 'no answer yet'})`);
        throw runtimeErrors.HK_CACHE_NOT_SYNCED(reasons.join('; '));
      }
      await clock.sleep(syncEveryMs, signal);
    }
  }

  /** Safe before the start, and twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  part(): Part {
    return { name: 'caches', start: (signal) => this.start(signal), stop: () => this.stop(), stopMaxMs };
  }
}
