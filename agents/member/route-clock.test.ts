import { expect, test } from 'vitest';
import { RouteClock, routeWaitMs } from './route-clock.ts';

test('with no way at all the phase is over as it begins', () => {
  const clock = new RouteClock();
  clock.begin([], 100);
  expect(clock.routedMs(100)).toBe(100);
});

test('the phase ends with the last way that leads here; the first DNS server counts', () => {
  const clock = new RouteClock();
  clock.begin(['dns', 'service'], 100);
  clock.reached('dns', 105);
  expect(clock.routedMs(110)).toBeUndefined();
  clock.reached('service', 112);
  clock.reached('dns', 900);
  expect(clock.routedMs(900)).toBe(112);
});

test('a way that takes too long is not waited for any more', () => {
  const clock = new RouteClock();
  clock.begin(['dns', 'service'], 100);
  clock.reached('dns', 105);
  expect(clock.routedMs(100 + routeWaitMs - 1)).toBeUndefined();
  expect(clock.routedMs(100 + routeWaitMs)).toBe(105);
});

test('a way that is given up is not waited for, and is none that leads here', () => {
  const clock = new RouteClock();
  clock.begin(['dns', 'service'], 100);
  clock.reached('dns', 105);
  clock.gaveUp('service');
  expect(clock.routedMs(106)).toBe(105);
  clock.begin(['service'], 200);
  clock.gaveUp('service');
  expect(clock.routedMs(99_999)).toBeUndefined();
});
