import { defineErrors } from './errors.ts';

export const deadlineErrors = defineErrors({
  HK_DEADLINE: { retry: 'backoff', says: 'no answer within the time limit' },
});

/** A signal that aborts with HK_DEADLINE after `ms`, or with the outer signal's reason before that. */
export function within(ms: number, what: string, outer?: AbortSignal): AbortSignal {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(deadlineErrors.HK_DEADLINE(`${what}, ${ms} ms`)), ms);
  timer.unref();
  own.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return outer === undefined ? own.signal : AbortSignal.any([own.signal, outer]);
}
