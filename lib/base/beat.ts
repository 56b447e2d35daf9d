import type { Clock } from '#lib/base/clock.ts';

/**
 * How long to sleep until the next beat of a period, counted from the clock's start: tasks with one period wake the process together,
 * once, and not each by itself. A beat nearer than a quarter of the period is left out, so a sleep lasts 0.25 to 1.25 periods.
 */
export function untilBeat(clock: Pick<Clock, 'nowMs'>, periodMs: number): number {
  const restMs = periodMs - (clock.nowMs() % periodMs);
  return Math.ceil(restMs < periodMs / 4 ? restMs + periodMs : restMs);
}
