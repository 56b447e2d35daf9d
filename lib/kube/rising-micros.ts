import type { Clock } from '#lib/base/clock.ts';

/** One for the whole process: every recorder names its events from it. */
let lastMicros = 0;

/**
 * Microseconds since 1970, and always more than at the call before. Clocks tell milliseconds, and may be set back; what is named after
 * the time must not get the name of something else for that.
 */
export function risingMicros(clock: Pick<Clock, 'wallMs'>): number {
  lastMicros = Math.max(lastMicros + 1, Math.floor(clock.wallMs() * 1_000));
  return lastMicros;
}
