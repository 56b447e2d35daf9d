import { expect, test } from 'vitest';
import { Fields } from '#lib/base/fields.ts';
import { readEndpointSources } from './endpoint-settings.ts';

function read(raw: unknown): { readonly sources: unknown; readonly problems: readonly string[] } {
  const field = new Fields(raw, 'endpoint');
  const sources = readEndpointSources(field);
  return { sources, problems: field.problems() };
}

test('addresses take the common port unless they name their own, and resolvers stay as they are written', () => {
  const raw = { name: 'north.hall.example.', port: 7_443, resolvers: ['10.0.1.53:5353'], addresses: ['10.1.1.2', '[2001:db8::1]:7444'] };
  const fixed = [
    { address: '10.1.1.2', port: 7_443 },
    { address: '2001:db8::1', port: 7_444 },
  ];
  const { addresses: _addresses, ...rest } = raw;
  expect(read(raw)).toEqual({ sources: { ...rest, fixed }, problems: [] });
});

const wrong: readonly (readonly [string, object, readonly string[]])[] = [
  ['a name with two dots in a row', { name: 'a..b', port: 1 }, ['endpoint.name must be a DNS name in lower case, found "a..b"']],
  [
    'an address that is a name',
    { port: 1, addresses: ['10.1.1.2', 'hall.example'] },
    ['endpoint.addresses[1] must be an IP address, with a port when it differs: 10.1.1.2, 10.1.1.2:7443 or [2001:db8::1]:7443'],
  ],
  [
    'a resolver whose port cannot be, told once',
    { name: 'a', port: 1, resolvers: ['10.0.0.53:99999'] },
    ['endpoint.resolvers[0] must be the IP address of a DNS server, with a port when it is not 53'],
  ],
  [
    'too many resolvers, told once',
    { name: 'a', port: 1, resolvers: Array(9).fill('::1') },
    ['endpoint.resolvers must have 0 to 8 entries'],
  ],
  ['nowhere to call', { port: 1 }, ['endpoint.name or addresses must say where the members are']],
];

test.each(wrong)('%s is a problem', (_what, raw, problems) => expect(read(raw).problems).toEqual(problems));
