import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#lib/base/errors.ts';

export interface UntilLimits {
  readonly maxMs: number;
  readonly everyMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Asks until the answer is neither `undefined` nor `false`, and returns it. A check that throws says why it is not so yet.
 *
 * @param what  The condition as a sentence: "the pair is in mode Sync".
 * @throws Error when the deadline passes, with the last reason; the reason of the signal when it aborts.
 */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { maxMs, everyMs = 100, signal }: UntilLimits,
): Promise<T> {
  const endMs = performance.now() + maxMs;
  let why = '';
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      why = `: ${messageOf(error)}`;
    }
    if (performance.now() >= endMs) throw new Error(`waited ${Math.round(maxMs / 1_000)} s in vain until ${what}${why}`);
    await sleep(everyMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
