import { expect, test } from 'vitest';
import { parseTerminalSettings } from './settings.ts';

const good = {
  hall: 'north',
  terminal: 't-01',
  pair: { uid: '0f8fad5b-d9cb-469f-a165-70867728950e' },
  endpoint: {
    name: 'north.hall.example',
    port: 7443,
    resolvers: ['10.0.0.53', '10.0.1.53:5353'],
    addresses: ['10.1.1.2', '[2001:db8::1]:7444'],
  },
  tls: { certificateFile: '/k/t.crt', keyFile: '/k/t.key', pairCaFile: '/k/pair.crt' },
  stateDirectory: '/var/lib/hallkeeper-terminal',
};

test('addresses take the common port unless they name their own', () => {
  expect(parseTerminalSettings(good).endpoint.fixed).toEqual([
    { address: '10.1.1.2', port: 7443 },
    { address: '2001:db8::1', port: 7444 },
  ]);
});

test('bad settings are refused with every problem at once', () => {
  const endpoint = { name: 'North Hall', port: 0, resolvers: ['dns.example'], addresses: ['10.1.1'] };
  const raw = { ...good, terminal: 'T 1', endpoint, stateDirectory: 'here' };
  let problem = '';
  try {
    parseTerminalSettings(raw);
  } catch (error) {
    problem = String(error);
  }
  for (const part of [
    'terminal must',
    'endpoint.name must',
    'endpoint.port must',
    'endpoint.addresses[0]',
    'endpoint.resolvers[0]',
    'stateDirectory must',
  ]) {
    expect(problem).toContain(part);
  }
});

test('somewhere to call must be known', () => {
  expect(() => parseTerminalSettings({ ...good, endpoint: { port: 7443 } })).toThrow('must say where the members are');
});
