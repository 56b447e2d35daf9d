import type { Clock } from '#lib/base/clock.ts';

interface SlowPorts {
  readonly clock: Clock;
  /** Shows one line of progress. */
  readonly progress: (line: string) => void;
}

/** A person at night takes a longer silence for a broken pair. */
const slowMs = 4_000;

/** Awaits an answer of the API server, and says what holds meanwhile when it does not come soon. */
export async function tellWhenSlow<T>(answer: Promise<T>, { clock, progress }: SlowPorts, signal: AbortSignal): Promise<T> {
  const stop = new AbortController();
  const told = clock.sleep(slowMs, AbortSignal.any([signal, stop.signal])).then(
    () => {
      progress(`the API server has not answered for ${slowMs / 1_000} s; it is asked again for half a minute.`);
      progress(
        'The pair serves on without it, but where it keeps the record nobody can take over: restart nothing, and look at the API server.',
      );
    },
    () => undefined,
  );
  try {
    return await answer;
  } finally {
    stop.abort();
    await told;
  }
}
