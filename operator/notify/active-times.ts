import type { ActiveTime } from './hall-notify.ts';

/** One element of Alertmanager's `time_intervals[].time_intervals`. */
export interface TimeWindow {
  readonly times: readonly { readonly start_time: string; readonly end_time: string }[];
  readonly weekdays?: readonly string[];
  readonly location: string;
}

export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

export type ActiveTimesOutcome =
  { readonly ok: true; readonly windows: readonly TimeWindow[] } | { readonly ok: false; readonly problems: readonly string[] };

const activeTimesMax = 50;

/**
 * Turns weekly windows into Alertmanager's. It knows no window over midnight, so such a one becomes two: to the end of its days, and from
 * the start of the days after them.
 *
 * @param timeZone  IANA name. Alertmanager needs it in its own time zone database, or refuses the whole configuration.
 */
export function toTimeWindows(activeTimes: readonly ActiveTime[], timeZone: string): ActiveTimesOutcome {
  const problems = [
    ...(isTimeZone(timeZone) ? [] : [`the hall's time zone ${JSON.stringify(timeZone)} is not an IANA name such as Europe/Berlin`]),
    ...(activeTimes.length > activeTimesMax ? [`activeTimes has more than ${activeTimesMax} entries; join some`] : []),
    ...activeTimes.flatMap((time, index) => problemsOf(time).map((problem) => `activeTimes[${index}] ${problem}`)),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, windows: activeTimes.flatMap((time) => windowsOf(time, timeZone)) };
}

function windowsOf({ days, from, to }: ActiveTime, location: string): readonly TimeWindow[] {
  const named = (days ?? []).flatMap((day) => weekdayOf(day) ?? []);
  const on = (when: readonly string[], start: string, end: string): TimeWindow => ({
    times: [{ start_time: start, end_time: end }],
    ...(when.length === 0 ? {} : { weekdays: when }),
    location,
  });
  if (from < to) return [on(named, from, to)];
  const before = on(named, from, '24:00');
  return to === '00:00' ? [before] : [before, on(named.map(nextDay), '00:00', to)];
}

function problemsOf({ days, from, to }: ActiveTime): readonly string[] {
  const strange = (days ?? []).filter((day) => weekdayOf(day) === undefined);
  return [
    ...strange.map((day) => `names the day ${JSON.stringify(day)}; write Monday or Mon`),
    ...(/^([01]\d|2[0-3]):[0-5]\d$/.test(from) ? [] : [`has from ${JSON.stringify(from)}; write HH:MM`]),
    ...(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/.test(to) ? [] : [`has to ${JSON.stringify(to)}; write HH:MM, up to 24:00`]),
    ...(from === to ? ['is empty, from equals to; for the whole day write 00:00 to 24:00'] : []),
  ];
}

function weekdayOf(day: string): string | undefined {
  const lower = day.toLowerCase();
  return weekdays.find((weekday) => weekday === lower || weekday.slice(0, 3) === lower);
}

const nextDay = (day: string): string => weekdays[(weekdays.findIndex((weekday) => weekday === day) + 1) % weekdays.length] ?? day;

function isTimeZone(name: string): boolean {
  try {
    // Fixed offsets such as +03:00 are zones for Intl, but not for Alertmanager.
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}
