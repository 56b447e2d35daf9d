import type { Clock } from './clock.ts';

/** Node fires timers beyond this at once (2^31 − 1 ms, 24.8 days). */
const timerMaxMs = 2_147_483_647;

/** The machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  // Node's own promise of a timer makes an error with a stack for each abort, and some programs abort dozens of sleeps a second.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const done = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(ms, 0), timerMaxMs));
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    }),
};
