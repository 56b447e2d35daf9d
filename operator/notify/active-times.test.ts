import { expect, test } from 'vitest';
import { toTimeWindows } from './active-times.ts';

const location = 'Europe/Berlin';

test('a window within a day stays one', () => {
  expect(toTimeWindows([{ days: ['Mon', 'friday'], from: '08:00', to: '24:00' }], location)).toEqual({
    ok: true,
    windows: [{ times: [{ start_time: '08:00', end_time: '24:00' }], weekdays: ['monday', 'friday'], location }],
  });
});

test('a window past midnight becomes two, the second on the days after', () => {
  expect(toTimeWindows([{ days: ['Sat', 'Sun'], from: '22:00', to: '06:00' }], location)).toEqual({
    ok: true,
    windows: [
      { times: [{ start_time: '22:00', end_time: '24:00' }], weekdays: ['saturday', 'sunday'], location },
      { times: [{ start_time: '00:00', end_time: '06:00' }], weekdays: ['sunday', 'monday'], location },
    ],
  });
});

test('a window that ends at midnight has no empty second half', () => {
  expect(toTimeWindows([{ from: '22:00', to: '00:00' }], location)).toEqual({
    ok: true,
    windows: [{ times: [{ start_time: '22:00', end_time: '24:00' }], location }],
  });
});

for (const zone of ['', '+03:00', 'Nowhere/City', 'Europe/Berlin\n']) {
  test(`the time zone ${JSON.stringify(zone)} is refused`, () => {
    expect(toTimeWindows([{ from: '08:00', to: '09:00' }], zone)).toMatchObject({ ok: false });
  });
}
