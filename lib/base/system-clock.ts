import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Node fires timers beyond this at once (2^31 − 1 ms, 24.8 days). */
const timerMaxMs = 2_147_483_647;

/** The machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await sleep(Math.min(Math.max(ms, 0), timerMaxMs), undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node rejects with an AbortError of its own; the promise of Clock is the signal's reason.
      signal?.throwIfAborted();
      throw error;
    }
  },
};
