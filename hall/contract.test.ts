import { expect, test } from 'vitest';
import { formatHallEvent, parseHallControl, parseHallEvent, parseHallServerSettings } from './contract.ts';
import type { HallEvent } from './contract.ts';

const good = {
  hall: 'north',
  trustDomain: 'hallkeeper.dev',
  pair: { uid: '0f8fad5b-d9cb-469f-a165-70867728950e' },
  member: 'a',
  listen: { address: '10.1.1.2', port: 7443 },
  tls: { certificateFile: '/k/a.crt', keyFile: '/k/a.key', hallCaFile: '/k/hall.crt', pairCaFile: '/k/pair.crt' },
  postgresql: { socketDirectory: '/run/hallkeeper', port: 5432, database: 'hallkeeper', user: 'hallkeeper_hall' },
};

test('settings are read as they are written', () => {
  expect(parseHallServerSettings(good)).toEqual(good);
  const metrics = { address: '127.0.0.1', port: 0 };
  expect(parseHallServerSettings({ ...good, metrics })).toEqual({ ...good, metrics });
});

test('bad settings are refused with every problem at once', () => {
  const raw = { ...good, hall: 'North!', listen: { port: 70_000 }, postgresql: { socketDirectory: 'run', port: 5432 }, colour: 'red' };
  const problem = (() => {
    try {
      parseHallServerSettings(raw);
      return '';
    } catch (error) {
      return String(error);
    }
  })();
  for (const part of [
    'hall must be',
    'listen.address is required',
    'listen.port must be',
    'socketDirectory must be an absolute path',
    'colour is not',
  ]) {
    expect(problem).toContain(part);
  }
});

test.each([
  ['{"do":"lead","epoch":7}', { do: 'lead', epoch: 7 }],
  ['{"do":"follow"}', { do: 'follow' }],
])('%s is obeyed', (line, order) => expect(parseHallControl(line)).toEqual(order));

test.each([
  '',
  'lead',
  '{"do":"lead"}',
  '{"do":"lead","epoch":0}',
  '{"do":"lead","epoch":1.5}',
  '{"do":"follow","epoch":3}',
  '{"do":"dance"}',
])('the line %j is refused', (line) =>
  expect(() => parseHallControl(line)).toThrow(expect.objectContaining({ code: 'HK_OPTIONS_INVALID' })),
);

test.each<HallEvent>([
  { event: 'listening', address: '10.1.1.2', port: 7443 },
  { event: 'listening', address: '10.1.1.2', port: 7443, metricsPort: 9187 },
  { event: 'leading', epoch: 7 },
  { event: 'ledger', state: 'away', why: 'it sleeps' },
  { event: 'following' },
  { event: 'falseAck', total: 2 },
  { event: 'refused', why: 'epoch 3 is lower than 4' },
])('the event $event reads back as it was written', (event) => expect(parseHallEvent(formatHallEvent(event))).toEqual(event));

test('an event of a newer version is passed over', () => expect(parseHallEvent('{"event":"journal","lag":3}')).toBeUndefined());
