import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Timetable } from './timetable.ts';

const at = (time: string): number => Date.parse(time);
const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16));

function read(schedule: string, timeZone = 'Europe/Berlin'): Timetable {
  const timetable = Timetable.read(schedule, timeZone, at('2026-01-01T00:00:00Z'));
  if ('problem' in timetable) throw new Error(timetable.problem);
  return timetable;
}

/** The next four times after an instant, in UTC. */
function four(timetable: Timetable, from: string): readonly (string | undefined)[] {
  const times: number[] = [];
  for (let ms = at(from); times.length < 4;) {
    ms = timetable.after(ms) ?? Infinity;
    times.push(ms);
  }
  return times.map(iso);
}

describe('when a drill is due in Europe/Berlin', () => {
  const rows: readonly (readonly [string, string, string, readonly string[]])[] = [
    [
      'in winter and in summer at the same hour of the clock',
      '0 4 * * *',
      '2026-03-27T12:00:00Z',
      ['2026-03-28T03:00', '2026-03-29T02:00', '2026-03-30T02:00', '2026-03-31T02:00'],
    ],
    [
      'half past two does not exist on the last Sunday of March: it is run when the clock has jumped to three',
      '30 2 * * *',
      '2026-03-28T00:00:00Z',
      ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30', '2026-03-31T00:30'],
    ],
    [
      'half past two comes twice on the last Sunday of October: it is run once, the first time',
      '30 2 * * *',
      '2026-10-24T00:00:00Z',
      ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30', '2026-10-27T01:30'],
    ],
    [
      'on one weekday, over the change',
      '0 4 * * MON',
      '2026-10-18T00:00:00Z',
      ['2026-10-19T02:00', '2026-10-26T03:00', '2026-11-02T03:00', '2026-11-09T03:00'],
    ],
    [
      'every half hour, 23 hours of it on the day that has no more',
      '*/30 * * * *',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T00:30', '2026-03-29T01:00', '2026-03-29T01:30', '2026-03-29T02:00'],
    ],
    [
      'on a leap day',
      '0 4 29 2 *',
      '2026-01-01T00:00:00Z',
      ['2028-02-29T03:00', '2032-02-29T03:00', '2036-02-29T03:00', '2040-02-29T03:00'],
    ],
  ];
  for (const [behaviour, schedule, from, times] of rows) {
    test(behaviour, () => expect(four(read(schedule), from)).toEqual(times));
  }

  test('the same schedule elsewhere is due at other instants', () => {
    expect(iso(read('0 4 * * *', 'America/New_York').after(at('2026-07-01T00:00:00Z')))).toBe('2026-07-01T08:00');
  });

  test('what is due now is due after the moment before, and not after itself', () => {
    const daily = read('0 4 * * *');
    expect(iso(daily.after(at('2026-07-01T01:59:59.999Z')))).toBe('2026-07-01T02:00');
    expect(iso(daily.after(at('2026-07-01T02:00:00Z')))).toBe('2026-07-02T02:00');
  });
});

describe('what cannot be a schedule', () => {
  const refused = [
    ['a minute that no clock has', '61 4 * * *', 'minute'],
    ['seconds', '0 0 4 * * *', '5'],
    ['a word', 'often', 'cannot be read'],
    ['a day that no year has', '0 4 31 2 *', 'is never due'],
  ] as const;
  for (const [what, schedule, why] of refused) {
    test(`${what} is refused with the reason`, () => {
      expect(Timetable.read(schedule, 'Europe/Berlin', 0)).toMatchObject({ problem: expect.stringContaining(why) as string });
    });
  }
  test('a zone that does not exist', () => {
    expect(Timetable.read('0 4 * * *', 'Europe/Atlantis', 0)).toMatchObject({
      problem: expect.stringContaining('Europe/Atlantis') as string,
    });
  });
});

describe('what was due', () => {
  const daily = read('0 4 * * *');
  const deadlineMs = 600_000;
  const rows: readonly (readonly [string, string, string, object])[] = [
    [
      'nothing, before its time',
      '2026-07-01T02:00:00Z',
      '2026-07-02T01:59:59Z',
      { due: undefined, missed: undefined, next: '2026-07-02T02:00' },
    ],
    [
      'at its time',
      '2026-07-01T02:00:00Z',
      '2026-07-02T02:00:00Z',
      { due: '2026-07-02T02:00', missed: undefined, next: '2026-07-03T02:00' },
    ],
    ['within the deadline', '2026-07-01T02:00:00Z', '2026-07-02T02:10:00Z', { due: '2026-07-02T02:00' }],
    ['a moment too late it is missed', '2026-07-01T02:00:00Z', '2026-07-02T02:10:00.001Z', { due: undefined, missed: '2026-07-02T02:00' }],
    ['dealt with, it is not due again', '2026-07-02T02:00:00Z', '2026-07-02T02:05:00Z', { due: undefined, missed: undefined }],
    [
      'after an absence only the newest counts, and it is missed',
      '2026-06-01T02:00:00Z',
      '2026-07-02T12:00:00Z',
      { missed: '2026-07-02T02:00' },
    ],
    [
      'after an absence the one of now is run',
      '2026-06-01T02:00:00Z',
      '2026-07-02T02:03:00Z',
      { due: '2026-07-02T02:00', missed: undefined },
    ],
  ];
  for (const [behaviour, since, now, expected] of rows) {
    test(behaviour, () => {
      const { dueMs, missedMs, nextMs } = daily.due(at(since), at(now), deadlineMs);
      expect({ due: iso(dueMs), missed: iso(missedMs), next: iso(nextMs) }).toMatchObject(expected);
    });
  }

  test('whatever the instants, each time is due once, in order, and never before its time', () => {
    const often = read('*/20 * * * *');
    const begin = at('2026-10-24T20:00:00Z');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5_400_000 }), { maxLength: 40 }), (gaps) => {
        let considered = begin;
        let now = begin;
        const seen = new Set<number>();
        for (const gap of gaps) {
          now += gap;
          const { dueMs, missedMs, nextMs } = often.due(considered, now, deadlineMs);
          expect(nextMs).toBeGreaterThan(now);
          const dealt = dueMs ?? missedMs;
          if (dealt === undefined) continue;
          expect(dealt).toBeGreaterThan(considered);
          expect(dealt).toBeLessThanOrEqual(now);
          expect(dueMs === undefined || now - dueMs <= deadlineMs).toBe(true);
          expect(seen.has(dealt)).toBe(false);
          seen.add(dealt);
          considered = dealt;
        }
      }),
    );
  });
});
