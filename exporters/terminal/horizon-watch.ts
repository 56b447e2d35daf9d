import type { Clock } from '#lib/base/clock.ts';

/** A hall server extends its durable watch every second while its ledger can be written. */
export const horizonStillMaxMs = 30_000;

/**
 * Whether the hall still writes what it watches. Its horizon is a time of its own clock, so only its progress is judged, by ours: a
 * horizon that stands still means that the states are those of back then, whatever has become of the terminals since.
 */
export class HorizonWatch {
  readonly #clock: Clock;
  #horizonMs: bigint | undefined;
  #movedAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#movedAtMs = clock.nowMs();
  }

  /** Takes the horizon of the latest measurements. @returns why they are not believed; undefined: they are. */
  look(horizonMs: bigint): string | undefined {
    const nowMs = this.#clock.nowMs();
    if (horizonMs !== this.#horizonMs) {
      this.#horizonMs = horizonMs;
      this.#movedAtMs = nowMs;
      return undefined;
    }
    if (nowMs - this.#movedAtMs < horizonStillMaxMs) return undefined;
    return `the hall server cannot write its ledger: what it tells has stood still since ${timeText(horizonMs)}`;
  }
}

function timeText(unixMs: bigint): string {
  const at = new Date(Number(unixMs));
  return Number.isNaN(at.getTime()) ? 'a time that is none' : at.toISOString();
}
