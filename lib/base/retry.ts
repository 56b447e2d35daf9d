import type { Clock } from './clock.ts';
import { retryOf } from './errors.ts';
import type { Random } from './random.ts';

/** Exponential back-off with full jitter of `jitterPercent` on top. */
export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly jitterPercent: number;
}

export interface RetryPolicy extends BackoffPolicy {
  readonly attemptsMax: number;
}

export interface RetryPorts {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  /** Decides the pause from the error and the back-off due; undefined ends the repetition. Absent: the back-off. */
  readonly pauseMs?: (error: unknown, backoffMs: number) => number | undefined;
}

/** The first pause, doubled with each further one up to the last; `count` starts at 1. */
export function doubledMs(count: number, { firstMs, maxMs }: Pick<BackoffPolicy, 'firstMs' | 'maxMs'>): number {
  return Math.min(firstMs * 2 ** Math.min(count - 1, 31), maxMs);
}

/** Waiting time before attempt `count` + 1; `count` starts at 1. */
export function backoffMs(count: number, policy: BackoffPolicy, random: Random): number {
  const base = doubledMs(count, policy);
  const jitterMax = Math.floor((base * policy.jitterPercent) / 100);
  return base + (jitterMax > 0 ? random.below(jitterMax + 1) : 0);
}

/**
 * Repeats one call while its error says `backoff`, at most `attemptsMax` times. Loops that follow something for as long as a program
 * runs, such as a watch, keep their own state between attempts; they share `backoffMs`.
 *
 * @throws The last error as it came; the signal's reason when aborted while waiting.
 */
export async function retry<T>(attempt: (signal: AbortSignal) => Promise<T>, ports: RetryPorts, signal: AbortSignal): Promise<T> {
  for (let count = 1; ; count += 1) {
    signal.throwIfAborted();
    try {
      return await attempt(signal);
    } catch (error) {
      if (signal.aborted || retryOf(error) !== 'backoff' || count >= ports.policy.attemptsMax) throw error;
      const dueMs = backoffMs(count, ports.policy, ports.random);
      const pauseMs = ports.pauseMs === undefined ? dueMs : ports.pauseMs(error, dueMs);
      if (pauseMs === undefined) throw error;
      await ports.clock.sleep(pauseMs, signal);
    }
  }
}
