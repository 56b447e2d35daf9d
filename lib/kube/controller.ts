import type { Clock } from '#lib/base/clock.ts';
import { messageOf, retryOf } from '#lib/base/errors.ts';
import { InvariantBroken } from '#lib/base/invariant.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import { retryAfterMaxMs } from './errors.ts';
import type { Mapping, Predicate } from './mapping.ts';
import { keyText, parseKey } from './objects.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import type { Reflector } from './reflector.ts';
import { runtimeErrors } from './runtime-errors.ts';
import { Workqueue } from './workqueue.ts';
import type { WorkqueueObserver } from './workqueue.ts';

export interface ReconcileRun {
  /** Aborts when the run has used its time, or the program stops. */
  readonly signal: AbortSignal;
  /** Says controller, namespace, name and the id of this run in every line. */
  readonly log: Logger;
}

/**
 * Looks at the world and brings it closer to what the object asks for. Idempotent; state, not events, decides. What it
 * throws carries the decision: `never` waits for the object to change, or for `refusedAgainMs` where a controller has it;
 * everything else is tried again with back-off, not sooner than the error's `retryAfterMs` when it has one.
 */
export type Reconcile = (key: ObjectKey, run: ReconcileRun) => Promise<{ readonly requeueAfterMs: number } | undefined>;

export interface ControllerOptions {
  /** As in metrics and log lines. */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Keys worked on at once; one key never twice. */
  readonly workers: number;
  readonly runMaxMs: number;
  readonly backoff: BackoffPolicy;
  /**
   * After an error that says `never` the key is looked at again this much later. For controllers whose work comes with time
   * (polling, renewal, maintenance), and for refusals that another object lifts. Absent: only a change helps.
   */
  readonly refusedAgainMs?: number;
}

/** controller-runtime's figures, for work inside the cluster. */
export const clusterBackoff: BackoffPolicy = { firstMs: 5, maxMs: 1_000_000, jitterPercent: 0 };

export type ReconcileResult = 'success' | 'error' | 'requeue_after';

/** Hears how runs end, for metrics. */
export interface ControllerObserver {
  readonly queue: WorkqueueObserver;
  started(): void;
  ended(run: {
    readonly result: ReconcileResult;
    readonly seconds: number;
    readonly terminal: boolean;
    readonly panic: boolean;
    readonly late: boolean;
  }): void;
}

export interface ControllerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** A broken promise of our own code: the process must end. */
  readonly fatal: (error: Error) => void;
  readonly observer?: ControllerObserver | undefined;
}

/** More objects than any cluster of ours holds; beyond it keys are refused and `overflowed` says so. */
const keysMax = 100_000;
/** Running work has this long to end by itself when the program stops, then it is aborted and has a moment to heed that. */
const drainMaxMs = 6_000;
const abortedMaxMs = 1_500;
/** A whole program must stop within the 30 s that Kubernetes gives it. All controllers stop at once, within this time. */
export const stopControllersMaxMs = drainMaxMs + abortedMaxMs + 500;

/** Reconciles keys one by one: the loop around a reconcile function. */
export class Controller {
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #ports: ControllerPorts;
  readonly #queue: Workqueue;
  /** Failures in a row, per key. Only keys that failed and will be tried again stand here. */
  readonly #failures = new Map<string, number>();
  readonly #unlisten: (() => void)[] = [];
  readonly #abort = new AbortController();
  #workers: readonly Promise<void>[] = [];

  constructor(options: ControllerOptions, ports: ControllerPorts) {
    this.name = options.name;
    this.#options = options;
    this.#ports = { ...ports, log: ports.log.with({ controller: options.name }) };
    this.#queue = new Workqueue({ clock: ports.clock, observer: ports.observer?.queue, keysMax });
  }

  /** Work was lost because the queue was full; only a restart, which lists everything again, finds it. */
  get overflowed(): boolean {
    return this.#queue.refused > 0;
  }

  /** Keys ready to be worked on. */
  get depth(): number {
    return this.#queue.depth;
  }

  /** How long each running reconciliation has been running, in seconds. */
  workingSeconds(): readonly number[] {
    return this.#queue.workingSeconds();
  }

  /** Looks at the mapped keys whenever a followed object changes, those there already included. Works before `start`, too. */
  watch<T extends KubeObject>(reflector: Reflector<T>, mapping: Mapping<T>, predicate: Predicate<T> = () => true): this {
    const unlisten = reflector.listen((change) => {
      if (!predicate(change)) return;
      for (const key of mapping(change)) this.enqueue(key);
    });
    this.#unlisten.push(unlisten);
    return this;
  }

  /** Asks for a look at one key. */
  enqueue(key: ObjectKey): void {
    this.#queue.add(keyText(key));
  }

  start(): void {
    const { fatal } = this.#ports;
    const end = (error: unknown): void => fatal(error instanceof Error ? error : new Error(String(error)));
    this.#workers = Array.from({ length: this.#options.workers }, () => this.#work().catch(end));
  }

  /**
   * Takes no new keys and waits for the running ones, aborting them when they take too long. Safe before `start`, and twice.
   *
   * @throws HK_CONTROLLER_STUCK  when one goes on although it was aborted.
   */
  async stop(): Promise<void> {
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    this.#queue.shutDown();
    const { clock } = this.#ports;
    const drained = new AbortController();
    const ended = Promise.all(this.#workers).then(() => 'ended' as const);
    const late = (async () => {
      await clock.sleep(drainMaxMs, drained.signal);
      this.#abort.abort(new Error(`the controller ${this.name} stops`));
      await clock.sleep(abortedMaxMs, drained.signal);
      return 'stuck' as const;
    })();
    // Aborted when everything has ended: then nobody waits for it.
    late.catch(() => undefined);
    const outcome = await Promise.race([ended, late]);
    drained.abort();
    if (outcome === 'stuck') throw runtimeErrors.HK_CONTROLLER_STUCK(this.name);
  }

  async #work(): Promise<void> {
    for (let text = await this.#queue.get(); text !== undefined; text = await this.#queue.get()) {
      try {
        await this.#run(text);
      } finally {
        this.#queue.done(text);
      }
    }
  }

  async #run(text: string): Promise<void> {
    const { clock, random, observer } = this.#ports;
    const key = parseKey(text);
    const reconcileID = [0, 1]
      .map(() =>
        random
          .below(2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      )
      .join('');
    const log = this.#ports.log.with({ namespace: key.namespace, name: key.name, reconcileID });
    const startedMs = clock.nowMs();
    const limit = this.#limit();
    observer?.started();
    const end = (result: ReconcileResult, why: { terminal?: boolean; panic?: boolean } = {}): void => {
      const seconds = (clock.nowMs() - startedMs) / 1_000;
      observer?.ended({ result, seconds, terminal: why.terminal ?? false, panic: why.panic ?? false, late: limit.isLate() });
    };
    try {
      const answer = await this.#options.reconcile(key, { signal: limit.signal, log });
      this.#failures.delete(text);
      const again = answer !== undefined && answer.requeueAfterMs > 0;
      if (again) this.#queue.addAfter(text, answer.requeueAfterMs);
      end(again ? 'requeue_after' : 'success');
    } catch (error) {
      if (error instanceof InvariantBroken) throw error;
      const terminal = retryOf(error) === 'never';
      const panic = isPanic(error);
      end('error', { terminal, panic });
      // A run that was aborted because we stop did not fail.
      if (this.#abort.signal.aborted) return;
      if (terminal) this.#failures.delete(text);
      const retryInMs = terminal ? this.#options.refusedAgainMs : this.#retryInMs(text, error);
      if (retryInMs !== undefined) this.#queue.addAfter(text, retryInMs);
      const stack = panic && error instanceof Error ? error.stack : undefined;
      log.error({ error: messageOf(error), retryInMs, late: limit.isLate(), stack }, 'reconciliation failed');
    } finally {
      limit.done();
    }
  }

  /** The back-off of the key, or what the error asks for if that is longer, but no longer than `retryAfterMaxMs`. */
  #retryInMs(text: string, error: unknown): number {
    const count = (this.#failures.get(text) ?? 0) + 1;
    this.#failures.set(text, count);
    const asked = (error as { readonly retryAfterMs?: unknown } | undefined)?.retryAfterMs;
    const askedMs = typeof asked === 'number' ? Math.min(asked, retryAfterMaxMs) : 0;
    return Math.max(backoffMs(count, this.#options.backoff, this.#ports.random), askedMs);
  }

  #limit(): { readonly signal: AbortSignal; isLate(): boolean; done(): void } {
    const own = new AbortController();
    const done = new AbortController();
    const stop = (): void => own.abort(this.#abort.signal.reason);
    if (this.#abort.signal.aborted) stop();
    this.#abort.signal.addEventListener('abort', stop, { once: true });
    let late = false;
    this.#ports.clock.sleep(this.#options.runMaxMs, done.signal).then(
      () => {
        late = true;
        own.abort(runtimeErrors.HK_RECONCILE_LATE(`${this.#options.runMaxMs} ms`));
      },
      () => undefined,
    );
    return {
      signal: own.signal,
      isLate: () => late,
      done: () => {
        done.abort();
        this.#abort.signal.removeEventListener('abort', stop);
      },
    };
  }
}

/** Errors that only a mistake in a program raises. The run is contained, but somebody must hear of it. */
function isPanic(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    !(error instanceof Error)
  );
}
