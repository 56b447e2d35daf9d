import type { Clock } from '#lib/base/clock.ts';

interface Sleeper {
  readonly atMs: number;
  wake(): void;
}

/** A clock that stands still until told to move. Sleepers wake in the order of their times, each seeing its own. */
export class SimulatedClock implements Clock {
  #nowMs = 0;
  readonly #wallStartMs: number;
  readonly #sleepers = new Set<Sleeper>();

  /** @param wallStartMs  Milliseconds since 1970 at the start. */
  constructor(wallStartMs = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.#wallStartMs = wallStartMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  /** How many sleepers there are: timers that a test must not leave behind. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const abort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        atMs: this.#nowMs + Math.max(ms, 0),
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Moves on, lets everything run that becomes due, and everything that this in turn starts within the time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#sleepers].filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#sleepers.delete(next);
      next.wake();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Lets every chain of resolved promises run to its end: immediates come after all microtasks. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
}
