import type { Clock } from './clock.ts';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';

/** Something a program starts and stops. `stop` is called only after `start` was called, also when `start` failed half-way. */
export interface Part {
  readonly name: string;
  start(signal: AbortSignal): Promise<void> | void;
  stop(): Promise<void> | void;
  readonly stopMaxMs: number;
}

export interface PartsPorts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted: time to stop. */
  readonly signal: AbortSignal;
}

/** What went wrong while stopping or starting, part by part. */
class PartsFailed extends AggregateError {
  override readonly name = 'PartsFailed';
}

/**
 * Starts the parts in order, waits for the signal, and stops them in the opposite order, each within its own limit.
 * A part that fails to start stops those before it. Everything that failed or ran over is reported, not only the first.
 *
 * @throws PartsFailed
 */
export async function runParts(parts: readonly Part[], { clock, log, signal }: PartsPorts): Promise<void> {
  const failures: Error[] = [];
  const started: Part[] = [];
  for (const part of parts) {
    if (signal.aborted) break;
    started.push(part);
    try {
      await part.start(signal);
      log.debug({ part: part.name }, 'part started');
    } catch (error) {
      if (!signal.aborted) failures.push(new Error(`${part.name} did not start: ${messageOf(error)}`, { cause: error }));
      break;
    }
  }
  if (failures.length === 0 && !signal.aborted) await aborted(signal);
  for (const part of started.toReversed()) {
    const failure = await stopWithin(part, clock);
    if (failure !== undefined) failures.push(failure);
    log.debug({ part: part.name, failed: failure !== undefined }, 'part stopped');
  }
  if (failures.length > 0) throw new PartsFailed(failures, failures.map((failure) => failure.message).join('; '));
}

async function stopWithin(part: Part, clock: Clock): Promise<Error | undefined> {
  const done = new AbortController();
  const late = clock.sleep(part.stopMaxMs, done.signal).then(
    () => new Error(`${part.name} did not stop within ${part.stopMaxMs} ms`),
    () => undefined,
  );
  try {
    return await Promise.race([Promise.resolve(part.stop()).then(() => undefined), late]);
  } catch (error) {
    return new Error(`${part.name} did not stop: ${messageOf(error)}`, { cause: error });
  } finally {
    done.abort();
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
