import { expect, test } from 'vitest';
import { overlaps, pickSubnet, routeRanges } from './subnet.ts';

const rows = [
  { behaviour: 'the same subnet is taken', range: '10.1.2.0/24', taken: true },
  { behaviour: 'a larger range around it is taken', range: '10.0.0.0/8', taken: true },
  { behaviour: 'a smaller range inside it is taken', range: '10.1.2.128/25', taken: true },
  { behaviour: 'a single address inside it is taken', range: '10.1.2.7', taken: true },
  { behaviour: 'a route to everything is taken as such', range: '0.0.0.0/0', taken: true },
  { behaviour: 'the neighbour is free', range: '10.1.3.0/24', taken: false },
  { behaviour: 'another private range is free', range: '172.16.0.0/12', taken: false },
];
for (const { behaviour, range, taken } of rows) test(behaviour, () => expect(overlaps({ x: 1, y: 2 }, [range])).toBe(taken));

test('a subnet is drawn again until nothing overlaps', () => {
  const draws = [1, 2, 1, 3];
  expect(pickSubnet(['10.1.2.0/24'], () => draws.shift() ?? 0)).toEqual({ x: 1, y: 3 });
});

test('without any free subnet it says so instead of looking for ever', () => {
  expect(() => pickSubnet(['10.0.0.0/8'], () => 0)).toThrow('found no subnet');
});

test('default routes and our own interface do not count', () => {
  const routes = [
    { dst: 'default', dev: 'eth0' },
    { dst: '10.9.9.0/24', dev: 'hk1' },
    { dst: '192.0.2.0/24', dev: 'eth0' },
    { dst: '127.0.0.1', dev: 'lo' },
  ];
  expect(routeRanges(JSON.stringify(routes), 'hk1')).toEqual(['192.0.2.0/24', '127.0.0.1']);
});
