import type { Clock } from '#lib/base/clock.ts';
import { transportError } from './errors.ts';
import type { RequestLabel } from './errors.ts';

export interface Deadline {
  readonly ms: number;
  readonly clock: Clock;
  readonly label: RequestLabel;
  /** Told the error when time is up, for whoever must stop what outlives this deadline. */
  readonly onLate?: (late: Error) => void;
}

/**
 * Runs something with a signal that aborts when time is up, or when the outer one does. Leaves no timer and no listener.
 *
 * @throws KubeError HK_KUBE_DEADLINE
 */
export async function withDeadline<T>(
  { ms, clock, label, onLate }: Deadline,
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
      const late = transportError('HK_KUBE_DEADLINE', label, `${ms} ms`);
      own.abort(late);
      onLate?.(late);
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
