import type { Clock } from '#lib/base/clock.ts';
import { invariant } from '#lib/base/invariant.ts';
import { DelayHeap } from './delay-heap.ts';

/** Hears what a queue does, for metrics. */
export interface WorkqueueObserver {
  /** A key became ready, or will when its present work is done. */
  added(): void;
  /** A key was accepted for later. */
  delayed(): void;
  /** A key was taken after waiting this long. */
  taken(waitedSeconds: number): void;
  done(workedSeconds: number): void;
}

export interface WorkqueuePorts {
  readonly clock: Clock;
  readonly observer?: WorkqueueObserver | undefined;
  /** Keys beyond this, queued and delayed together, are refused and counted in `refused`. */
  readonly keysMax: number;
}

/** Longer delays are cut into pieces: Node fires a timer of more than 24.8 days at once. */
const pieceMaxMs = 24 * 60 * 60 * 1_000;

/**
 * Keys that want work. A key stands in the queue at most once and is never worked on twice at the same time; a key added
 * while it is worked on runs exactly once more.
 *
 *   order       keys ready to be taken, first in first out
 *   dirty       keys that want work: those in order, and those added while being processed
 *   processing  keys taken and not yet done
 *   delayed     keys that become dirty later, each at its earliest time
 */
export class Workqueue {
  readonly #clock: Clock;
  readonly #observer: WorkqueueObserver | undefined;
  readonly #keysMax: number;
  /** In the order of insertion, with the time of each. */
  readonly #order = new Map<string, number>();
  readonly #dirty = new Set<string>();
  readonly #processing = new Map<string, number>();
  readonly #delayed = new DelayHeap();
  readonly #waiting: ((key: string | undefined) => void)[] = [];
  #timer: { readonly atMs: number; readonly stop: AbortController } | undefined;
  #isShutDown = false;
  #refused = 0;

  constructor({ clock, observer, keysMax }: WorkqueuePorts) {
    this.#clock = clock;
    this.#observer = observer;
    this.#keysMax = keysMax;
  }

  /** Keys ready to be taken. */
  get depth(): number {
    return this.#order.size;
  }

  /** Keys refused because the queue was full: work was lost, and only listing everything again finds it. */
  get refused(): number {
    return this.#refused;
  }

  get isShutDown(): boolean {
    return this.#isShutDown;
  }

  /** How long each key that is being worked on has been so, in seconds. */
  workingSeconds(): readonly number[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#processing.values()].map((sinceMs) => (nowMs - sinceMs) / 1_000);
  }

  add(key: string): void {
    if (this.#isShutDown || this.#dirty.has(key)) return;
    if (!this.#delayed.has(key) && !this.#processing.has(key) && this.#isFull()) return void (this.#refused += 1);
    this.#markDirty(key);
  }

  /** Adds the key later; the earliest of several times counts. An immediate `add` in between leaves it standing. */
  addAfter(key: string, delayMs: number): void {
    if (this.#isShutDown) return;
    if (!this.#delayed.has(key) && !this.#dirty.has(key) && !this.#processing.has(key) && this.#isFull()) {
      return void (this.#refused += 1);
    }
    this.#observer?.delayed();
    if (!(delayMs > 0)) return this.add(key);
    this.#delayed.add(key, this.#clock.nowMs() + delayMs);
    this.#arm();
  }

  /** Takes the oldest key, waiting for one if need be. Undefined: shut down. */
  get(): Promise<string | undefined> {
    const key = this.#take();
    if (key !== undefined || this.#isShutDown) return Promise.resolve(key);
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** The work that `get` gave out has ended, well or not. */
  done(key: string): void {
    const sinceMs = this.#processing.get(key);
    invariant(sinceMs !== undefined, `only a key that was taken is done: ${key}`);
    this.#processing.delete(key);
    this.#observer?.done((this.#clock.nowMs() - sinceMs) / 1_000);
    if (!this.#dirty.has(key)) return;
    if (this.#isShutDown) this.#dirty.delete(key);
    else this.#enqueue(key);
  }

  /** Nothing is accepted or given out any more; what waits is dropped. Keys in work still report `done`. */
  shutDown(): void {
    this.#isShutDown = true;
    this.#timer?.stop.abort();
    this.#timer = undefined;
    this.#delayed.clear();
    this.#order.clear();
    this.#dirty.clear();
    for (const wake of this.#waiting.splice(0)) wake(undefined);
  }

  #markDirty(key: string): void {
    this.#dirty.add(key);
    this.#observer?.added();
    if (!this.#processing.has(key)) this.#enqueue(key);
  }

  #isFull(): boolean {
    return this.#dirty.size + this.#delayed.size >= this.#keysMax;
  }

  #enqueue(key: string): void {
    this.#order.set(key, this.#clock.nowMs());
    const wake = this.#waiting.shift();
    if (wake !== undefined) wake(this.#take());
  }

  #take(): string | undefined {
    for (const [key, queuedAtMs] of this.#order) {
      const nowMs = this.#clock.nowMs();
      this.#order.delete(key);
      this.#dirty.delete(key);
      this.#processing.set(key, nowMs);
      this.#observer?.taken((nowMs - queuedAtMs) / 1_000);
      return key;
    }
    return undefined;
  }

  /** One timer, for the earliest key only. */
  #arm(): void {
    const atMs = this.#delayed.earliestMs();
    if (atMs === undefined || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.stop.abort();
    const timer = { atMs, stop: new AbortController() };
    this.#timer = timer;
    const waitMs = Math.min(Math.max(atMs - this.#clock.nowMs(), 0), pieceMaxMs);
    this.#clock.sleep(waitMs, timer.stop.signal).then(
      () => {
        if (this.#timer === timer) this.#timer = undefined;
        this.#release();
      },
      () => undefined,
    );
  }

  #release(): void {
    const nowMs = this.#clock.nowMs();
    for (let key = this.#delayed.take(nowMs); key !== undefined; key = this.#delayed.take(nowMs)) {
      if (!this.#dirty.has(key)) this.#markDirty(key);
    }
    this.#arm();
  }
}
