/** Time comes in through this door; only `main.ts` and `system-clock.ts` know the real one. */
export interface Clock {
  /** Monotonic milliseconds with fractions, from an arbitrary start. For every duration. */
  nowMs(): number;
  /** Milliseconds since 1970, UTC. For people, certificates and records; never for a duration or a decision. */
  wallMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. Delays beyond Node's timer limit are clamped. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
