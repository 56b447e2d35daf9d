import type { Clock } from '#lib/base/clock.ts';

/**
 * What became of a request at one endpoint.
 *
 * answered  A definite answer, which ends the whole question.
 * failed    None. `maybe`: it can have been carried out, or still can be.
 */
export type Attempt<T> =
  { readonly is: 'answered'; readonly answer: T } | { readonly is: 'failed'; readonly carriedOut: 'no' | 'maybe'; readonly why: string };

export interface AskPorts {
  readonly clock: Clock;
  /** The next endpoint is asked as well when the one before has failed, or has not answered for so long. */
  readonly nextAfterMs: number;
  /** For all endpoints together. */
  readonly maxMs: number;
}

/**
 * Asks endpoints beside each other, each a little later than the one before, until one answers. For requests of which several copies
 * do what one does: reads, and changes of exactly one version.
 *
 * @param ask  Must end soon after its signal aborts, and never throw.
 * @returns The index of the endpoint with the answer; of failures all reasons, and `maybe` when it holds for any of them.
 */
export async function askEndpoints<E, T>(
  endpoints: readonly E[],
  ask: (endpoint: E, signal: AbortSignal) => Promise<Attempt<T>>,
  { clock, nextAfterMs, maxMs }: AskPorts,
  signal: AbortSignal,
): Promise<(Extract<Attempt<T>, { is: 'answered' }> & { readonly index: number }) | Extract<Attempt<T>, { is: 'failed' }>> {
  const over = new AbortController();
  const running = AbortSignal.any([over.signal, signal]);
  const failures: Extract<Attempt<T>, { is: 'failed' }>[] = [];
  let found: { readonly answer: T; readonly index: number } | undefined;
  const one = async (endpoint: E, index: number): Promise<void> => {
    const attempt = await ask(endpoint, running);
    if (attempt.is === 'failed') failures.push(attempt);
    else found ??= { answer: attempt.answer, index };
    if (found !== undefined) over.abort();
  };
  const late = clock.sleep(maxMs, running).then(() => over.abort(), ignore);
  const asked: Promise<void>[] = [];
  for (const [index, endpoint] of endpoints.entries()) {
    if (running.aborted) break;
    const own = one(endpoint, index);
    asked.push(own);
    const step = new AbortController();
    await Promise.race([own, clock.sleep(nextAfterMs, AbortSignal.any([step.signal, running])).catch(ignore)]);
    step.abort();
  }
  await Promise.all(asked);
  over.abort();
  await late;
  if (found !== undefined) return { is: 'answered', ...found };
  const carriedOut = failures.some((failure) => failure.carriedOut === 'maybe') ? 'maybe' : 'no';
  return { is: 'failed', carriedOut, why: failures.map(({ why }) => why).join('; ') };
}

function ignore(): void {
  // The question is over, or the next endpoint's turn has come.
}
