import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyLimits {
  /** How long to go on asking. Generous: the machine may be busy with other work. */
  readonly maxMs: number;
  readonly everyMs?: number;
}

/**
 * Asks until the answer is neither `undefined` nor `false`, and returns it. A check that throws counts as "not yet".
 *
 * @param what  The condition as a sentence, for the error: "the apiserver is ready".
 * @throws Error when the deadline passes; its cause is the last error of the check.
 */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { maxMs, everyMs = 50 }: EventuallyLimits,
): Promise<T> {
  const endMs = performance.now() + maxMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await check();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= endMs) throw new Error(`waited ${maxMs} ms in vain: ${what}`, { cause });
    await sleep(everyMs);
  }
}
