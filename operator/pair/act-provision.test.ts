import { expect, test } from 'vitest';
import type { MemberSettings } from '#agents/member/contract.ts';
import { aStoredPair } from '#test/api/stored-pair.ts';
import { hallOf, tracesOf } from './act-provision.ts';

const told = { hallServer: { hall: 'north', port: 1, metricsPort: 0, hallAuthority: 'bundle' } };
const silent = { hallServer: undefined };
const served = { is: 'served', name: 'south', authority: 'new' } as const;

test.each([
  ['a hall that is served is told', served, [['a', silent]], { name: 'south', authority: 'new' }],
  ['a pair that serves none is told of none', { is: 'none' }, [['a', told]], undefined],
  ['undecided, a member keeps what it was told', { is: 'as before' }, [['a', told]], { name: 'north', authority: 'bundle' }],
  ['and what it was not told', { is: 'as before' }, [['a', silent], ['b', told]], undefined], // prettier-ignore
  ['a member whose settings are gone is told what the other one was', { is: 'as before' }, [['b', told]], { name: 'north', authority: 'bundle' }], // prettier-ignore
  ['of a new pair nothing is known', { is: 'as before' }, [], undefined],
] as const)('%s', (_behaviour, hall, held, expected) => {
  expect(hallOf(hall, 'a', new Map<string, Pick<MemberSettings, 'hallServer'>>(held))).toEqual(expected);
});

test('settings and a record tell that the pair had an authority; a new pair had none', () => {
  const settings = { tls: { certificate: 'c', authority: 'bundle' } } as MemberSettings;
  expect(tracesOf(aStoredPair(), new Map())).toBeUndefined();
  expect(tracesOf(aStoredPair({ status: { mode: 'New' } }), new Map())).toEqual({ secrets: [], sample: aStoredPair().metadata.uid });
  expect(tracesOf(aStoredPair(), new Map([['b', settings]]))).toEqual({ secrets: ['hallkeeper-pair-7-b'], sample: 'bundle' });
});
