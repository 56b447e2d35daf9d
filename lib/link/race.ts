import type { Clock } from '#lib/base/clock.ts';

export interface RacePorts {
  readonly clock: Clock;
  /** The next candidate starts when the one before has failed, or after this time. */
  readonly staggerMs: number;
}

/** Candidates start this far apart, as in RFC 8305. */
export const raceStaggerMs = 250;

/**
 * Tries candidates beside each other, each a little later than the one before; the first success wins and the others are aborted.
 *
 * @param attempt   Must end soon after its signal aborts.
 * @param discard   Releases a success that came too late.
 * @throws AggregateError of all failures when nobody won; the signal's reason when aborted.
 */
export async function race<T, R>(
  candidates: readonly T[],
  attempt: (candidate: T, signal: AbortSignal) => Promise<R>,
  discard: (result: R) => void,
  { clock, staggerMs }: RacePorts,
  signal: AbortSignal,
): Promise<R> {
  const over = new AbortController();
  const runSignal = AbortSignal.any([over.signal, signal]);
  const failures: unknown[] = [];
  let winner: { readonly result: R } | undefined;
  const run = async (candidate: T): Promise<void> => {
    try {
      const result = await attempt(candidate, runSignal);
      if (winner !== undefined || runSignal.aborted) discard(result);
      else winner = { result };
      over.abort();
    } catch (error) {
      failures.push(error);
    }
  };
  const runs: Promise<void>[] = [];
  for (const candidate of candidates) {
    if (runSignal.aborted) break;
    const one = run(candidate);
    runs.push(one);
    await Promise.race([one, clock.sleep(staggerMs, runSignal).catch(() => undefined)]);
  }
  await Promise.all(runs);
  if (winner !== undefined) return winner.result;
  signal.throwIfAborted();
  throw new AggregateError(failures, 'every candidate failed');
}
