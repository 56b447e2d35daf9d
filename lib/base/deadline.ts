import type { Clock } from './clock.ts';
import { defineErrors } from './errors.ts';

export const deadlineErrors = defineErrors({
  HK_DEADLINE: { retry: 'backoff', says: 'no answer within the time limit' },
});

/** A signal that aborts with HK_DEADLINE after `ms`, or with the outer signal's reason before that. For real waits that have no Clock. */
export function within(ms: number, what: string, outer?: AbortSignal): AbortSignal {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(deadlineErrors.HK_DEADLINE(`${what}, ${ms} ms`)), ms);
  timer.unref();
  own.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return outer === undefined ? own.signal : AbortSignal.any([own.signal, outer]);
}

/**
 * Runs something with such a signal, and leaves no timer and no listener: for what is done many times a second.
 *
 * @throws What `run` throws.
 */
export async function runWithin<T>(ms: number, what: string, outer: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  outer.throwIfAborted();
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(deadlineErrors.HK_DEADLINE(`${what}, ${ms} ms`)), ms);
  const abort = (): void => own.abort(outer.reason);
  outer.addEventListener('abort', abort, { once: true });
  try {
    return await run(own.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener('abort', abort);
  }
}

export interface Deadline {
  readonly ms: number;
  readonly clock: Clock;
  /** Makes the error of a deadline that has passed. */
  readonly late: () => Error;
  /** Told that error when time is up, for whoever must stop what outlives this deadline. */
  readonly onLate?: (late: Error) => void;
}

/**
 * Runs something with a signal that aborts when time is up, or when the outer one does. Leaves no timer and no listener.
 *
 * @throws What `run` throws, which is the error of `late` when `run` ends with the reason of its signal.
 */
export async function withDeadline<T>(
  { ms, clock, late, onLate }: Deadline,
  outer: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const own = new AbortController();
  const done = new AbortController();
  const abort = (): void => own.abort(outer.reason);
  outer.addEventListener('abort', abort, { once: true });
  clock.sleep(ms, done.signal).then(
    () => {
      const error = late();
      own.abort(error);
      onLate?.(error);
    },
    () => undefined,
  );
  try {
    return await run(own.signal);
  } finally {
    done.abort();
    outer.removeEventListener('abort', abort);
  }
}
