import { Cron } from 'croner';
import { messageOf } from '#lib/base/errors.ts';

/** What was due and was not dealt with, and what comes next. Instants are wall milliseconds. */
export interface Due {
  /** The newest that may still begin. */
  readonly dueMs: number | undefined;
  /** The newest that is too late, when there is one and nothing after it may still begin. */
  readonly missedMs: number | undefined;
  /** Absent when it is never due again. */
  readonly nextMs: number | undefined;
}

/** A cron schedule in a time zone. It computes, and runs nothing: no timers, no clock of its own. */
export class Timetable {
  readonly #cron: Cron;

  private constructor(cron: Cron) {
    this.#cron = cron;
  }

  /** The timetable, or why there is none: it cannot be read, or no day that exists fits it. */
  static read(schedule: string, timeZone: string, nowMs: number): Timetable | { readonly problem: string } {
    try {
      const timetable = new Timetable(new Cron(schedule, { timezone: timeZone, mode: '5-part', paused: true }));
      return timetable.after(nowMs) === undefined ? { problem: `schedule ${schedule} is never due` } : timetable;
    } catch (error) {
      return { problem: `schedule ${schedule} in the time zone ${timeZone} cannot be read: ${messageOf(error)}` };
    }
  }

  /** The first instant after this one at which it is due. */
  after(ms: number): number | undefined {
    return this.#cron.nextRun(new Date(ms))?.getTime();
  }

  /** @param sinceMs  What was due up to here is dealt with. */
  due(sinceMs: number, nowMs: number, deadlineMs: number): Due {
    const nextMs = this.after(nowMs);
    const first = this.after(sinceMs);
    if (first === undefined || first > nowMs) return { dueMs: undefined, missedMs: undefined, nextMs };
    // Looked for from the end of what is too late, so that a long absence costs no more than the deadline has minutes.
    const dueMs = this.#lastIn(Math.max(sinceMs, nowMs - deadlineMs - 1), nowMs);
    if (dueMs !== undefined) return { dueMs, missedMs: undefined, nextMs };
    const [missed] = this.#cron.previousRuns(1, new Date(nowMs));
    return { dueMs: undefined, missedMs: missed?.getTime() ?? first, nextMs };
  }

  #lastIn(fromMs: number, toMs: number): number | undefined {
    let last: number | undefined;
    for (let next = this.after(fromMs); next !== undefined && next <= toMs; next = this.after(next)) last = next;
    return last;
  }
}
