/** Of one look's pause at most this many intervals count. */
const countsIntervalsMax = 1.25;

/**
 * How long the other side has been silent, with our own pauses discounted: when this process slept, its answers wait unread in the
 * socket, and it was not the other side that said nothing.
 */
export class QuietTime {
  readonly #intervalMs: number;
  #quietMs = 0;
  #lookedAtMs: number;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#lookedAtMs = nowMs;
  }

  heard(): void {
    this.#quietMs = 0;
  }

  /** To be asked once an interval. @returns milliseconds of silence. */
  look(nowMs: number): number {
    this.#quietMs += Math.min(nowMs - this.#lookedAtMs, countsIntervalsMax * this.#intervalMs);
    this.#lookedAtMs = nowMs;
    return this.#quietMs;
  }
}
