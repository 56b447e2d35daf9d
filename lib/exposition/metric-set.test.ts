import { expect, test } from 'vitest';
import { defineFamilies } from './family.ts';
import { MetricSet } from './metric-set.ts';
import { linesOf } from './testing/lines.ts';

const since = '0.1.0';
const families = defineFamilies({
  calls: { name: 'oven_calls_total', kind: 'counter', labels: { hall: 'any', reason: ['heat', 'cool'] }, help: 'Calls.', since },
  guests: {
    name: 'oven_guests_total',
    kind: 'counter',
    labels: { hall: 'any', user: 'any', reason: ['bread', 'cake'] },
    help: 'Guests.',
    since,
  },
  users: { name: 'oven_users_total', kind: 'counter', labels: { hall: 'any', user: 'any' }, help: 'Users.', since },
  heat: { name: 'oven_heat_celsius', kind: 'gauge', unit: 'celsius', labels: { hall: 'any' }, help: 'Heat.', since },
  mode: { name: 'oven_mode', kind: 'gauge', labels: { hall: 'any', mode: ['on', 'off'] }, help: 'Mode.', since },
  bake: { name: 'oven_bake_seconds', kind: 'histogram', unit: 'seconds', labels: { hall: 'any' }, bounds: [1], help: 'Baking.', since },
});

const aSet = (): MetricSet<'hall'> => new MetricSet('oven', { hall: 'north' });

test('counters and histograms of closed labels begin at zero, gauges are absent until they are set', () => {
  const set = aSet();
  set.counter(families.calls);
  set.counter(families.users);
  set.gauge(families.heat);
  set.states(families.mode, 'mode');
  set.histogram(families.bake);
  expect(linesOf(set.collect())).toEqual([
    'oven_calls_total{hall="north",reason="heat"} 0',
    'oven_calls_total{hall="north",reason="cool"} 0',
    'oven_bake_seconds_bucket{hall="north",le="1.0"} 0',
    'oven_bake_seconds_bucket{hall="north",le="+Inf"} 0',
    'oven_bake_seconds_count{hall="north"} 0',
    'oven_bake_seconds_sum{hall="north"} 0',
  ]);
});

test('a counter with an open label shows a series at zero once its value is known, and keeps what was counted', () => {
  const set = aSet();
  const guests = set.counter(families.guests);
  expect(linesOf(set.collect())).toEqual([]);
  guests.open({ user: 'anna' });
  guests.add({ user: 'bo', reason: 'cake' }, 3);
  guests.open({ user: 'bo' });
  expect(linesOf(set.collect())).toEqual([
    'oven_guests_total{hall="north",user="anna",reason="bread"} 0',
    'oven_guests_total{hall="north",user="anna",reason="cake"} 0',
    'oven_guests_total{hall="north",user="bo",reason="cake"} 3',
    'oven_guests_total{hall="north",user="bo",reason="bread"} 0',
  ]);
});

test('what happens shows', () => {
  const set = aSet();
  const calls = set.counter(families.calls);
  const heat = set.gauge(families.heat);
  const mode = set.states(families.mode, 'mode');
  const bake = set.histogram(families.bake);
  calls.add({ reason: 'heat' });
  calls.add({ reason: 'heat' }, 2.5);
  heat.set({}, 180);
  mode.set({}, 'off');
  bake.observe({}, 1);
  bake.observe({}, 3);
  expect(linesOf(set.collect())).toEqual([
    'oven_calls_total{hall="north",reason="heat"} 3.5',
    'oven_calls_total{hall="north",reason="cool"} 0',
    'oven_heat_celsius{hall="north"} 180',
    'oven_mode{hall="north",mode="on"} 0',
    'oven_mode{hall="north",mode="off"} 1',
    'oven_bake_seconds_bucket{hall="north",le="1.0"} 1',
    'oven_bake_seconds_bucket{hall="north",le="+Inf"} 2',
    'oven_bake_seconds_count{hall="north"} 2',
    'oven_bake_seconds_sum{hall="north"} 4',
  ]);
  heat.remove({});
  mode.remove({});
  expect(linesOf(set.collect()).filter((line) => /heat_c|mode/.test(line))).toEqual([]);
});

test.each([
  { promise: 'never goes down', break: () => aSet().counter(families.calls).add({ reason: 'heat' }, -1) },
  {
    promise: 'has no reason "wind"',
    break: () =>
      aSet()
        .counter(families.calls)
        .add({ reason: 'wind' as 'heat' }),
  },
  {
    promise: 'the labels are exactly',
    break: () =>
      aSet()
        .counter(families.users)
        .add({} as { user: string }),
  },
  { promise: 'is a counter', break: () => aSet().counter(families.heat) },
  {
    promise: 'is made once',
    break: () => {
      const set = aSet();
      set.gauge(families.heat);
      set.gauge(families.heat);
    },
  },
])('a broken promise: $promise', ({ promise, break: doBreak }) => expect(doBreak).toThrow(promise));

test('open labels have a bound', () => {
  const users = aSet().counter(families.users);
  expect(() => {
    for (let index = 0; index <= 2_000; index += 1) users.add({ user: String(index) });
  }).toThrow(expect.objectContaining({ code: 'HK_SERIES_BOUND' }) as Error);
});
