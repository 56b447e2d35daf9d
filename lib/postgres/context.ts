import type { InstancePorts, InstanceSettings } from './instance.ts';
import type { InstancePaths } from './paths.ts';

/** What every part of an instance works with. */
export interface InstanceContext {
  readonly settings: InstanceSettings;
  readonly paths: InstancePaths;
  readonly ports: InstancePorts;
}

/** Looks again every `everyMs` until `look` answers something; ends with the signal's reason. */
export async function poll<T>(
  look: () => Promise<T | undefined>,
  everyMs: number,
  { clock }: Pick<InstancePorts, 'clock'>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    await sleepOrReason(everyMs, clock, signal);
  }
}

/** Sleeps; when aborted meanwhile, throws the signal's own reason rather than the timer's. */
async function sleepOrReason(ms: number, clock: InstancePorts['clock'], signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
