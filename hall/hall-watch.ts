import type { Clock } from '#lib/base/clock.ts';

/** One pass over the fleet. */
export const tickMs = 250;
/** A pause between two passes that is longer than this was not a watch at all: what happened in it is unknown. */
const watchGapMs = 5_000;
/** Of a late pass only this much counts: heartbeats that wait in the sockets are read before anyone is judged by our own pause. */
const tickCountsMaxMs = 2 * tickMs;

/**
 * The two times of a reign, both monotonic.
 *
 * `hallMs` is for the history: whole milliseconds since 1970, anchored once when the reign starts and never stepped, so that a clock
 * that jumps neither adds nor takes away time. `watchMs` is for judging silence: it runs slower than real time while we ourselves
 * were late.
 */
export class HallWatch {
  readonly #clock: Clock;
  readonly #anchorHallMs: number;
  readonly #anchorNowMs: number;
  #passNowMs: number;
  #passWatchMs = 0;

  /** @param notBeforeMs  The latest time in the ledger: the hall's time goes on from there, whatever this member's clock says. */
  constructor(clock: Clock, notBeforeMs: number) {
    this.#clock = clock;
    this.#anchorHallMs = Math.max(clock.wallMs(), notBeforeMs);
    this.#anchorNowMs = clock.nowMs();
    this.#passNowMs = this.#anchorNowMs;
  }

  hallMs(): number {
    return this.#hallMsAt(this.#clock.nowMs());
  }

  watchMs(): number {
    return this.#passWatchMs + Math.min(this.#clock.nowMs() - this.#passNowMs, tickCountsMaxMs);
  }

  /** Hall time of the last pass. */
  get passHallMs(): number {
    return this.#hallMsAt(this.#passNowMs);
  }

  /** Begins a pass. @returns whether the pause before it was too long to have been a watch. */
  pass(): { readonly interrupted: boolean } {
    const nowMs = this.#clock.nowMs();
    const pauseMs = nowMs - this.#passNowMs;
    this.#passWatchMs += Math.min(pauseMs, tickCountsMaxMs);
    this.#passNowMs = nowMs;
    return { interrupted: pauseMs > watchGapMs };
  }

  #hallMsAt(nowMs: number): number {
    return Math.floor(this.#anchorHallMs + (nowMs - this.#anchorNowMs));
  }
}
