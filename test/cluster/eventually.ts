import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyLimits {
  /** How long to go on asking. Generous: the machine may be busy with other work. */
  readonly maxMs: number;
  readonly everyMs?: number;
  /** Ends the asking with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Asks until the answer is neither `undefined` nor `false`, and returns it. A check that throws says why it is not so yet.
 *
 * @param what  The condition as a sentence, for the error: "the apiserver is ready".
 * @throws Error when the deadline passes, its cause the last error of the check; the reason of the signal when it aborts.
 */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { maxMs, everyMs = 50, signal }: EventuallyLimits,
): Promise<T> {
  const endMs = performance.now() + maxMs;
  let cause: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= endMs) throw new Error(`waited ${maxMs / 1_000} s in vain: ${what}`, { cause });
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}
