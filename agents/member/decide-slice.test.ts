import { assert, constantFrom, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import { decideSlice } from './decide-slice.ts';
import type { SliceObject } from './decide-slice.ts';
import { aSliceObject } from './testing/slice.ts';

const wish = { pairUid: 'uid-7', address: '10.20.0.11', epoch: 4 };

const leads = (address: string, epoch: number, change: Partial<SliceObject> = {}): SliceObject => aSliceObject({ address, epoch }, change);
const unlabelled = { ...leads('10.20.0.12', 3), metadata: { name: 'north-hallkeeper', annotations: { 'hallkeeper.dev/epoch': '3' } } };
const unmarked = { ...leads('10.20.0.12', 3), metadata: { ...leads('10.20.0.12', 3).metadata, annotations: {} } };

test.each<[string, SliceObject, object]>([
  ['leads to the member that was deposed', leads('10.20.0.12', 3), { do: 'update', from: 3 }],
  ['was never written by a member', leads('10.20.0.12', 0), { do: 'update', from: 0 }],
  ['leads here already, of this epoch', leads('10.20.0.11', 4), { do: 'done' }],
  ['leads here already, of an earlier epoch', leads('10.20.0.11', 2), { do: 'update', from: 2 }],
  ['leads elsewhere in this epoch', leads('10.9.9.9', 4), { do: 'leave', why: 'it was changed within this epoch' }],
  ['leads nowhere in this epoch', leads('', 4, { endpoints: null }), { do: 'leave', why: 'it was changed within this epoch' }],
  ['is of a later epoch', leads('10.20.0.12', 5), { do: 'superseded', epoch: 5 }],
  ['is of a later epoch and leads here', leads('10.20.0.11', 5), { do: 'superseded', epoch: 5 }],
  ['was made for nobody that we know', unlabelled, { do: 'leave', why: 'it was not made for this pair' }],
  ['bears no epoch', unmarked, { do: 'leave', why: 'it bears no epoch' }],
  ['takes the other family of addresses', leads('fd00::12', 3, { addressType: 'IPv6' }), { do: 'leave', why: 'it takes IPv6 only' }],
])('a slice that %s', (_what, seen, decision) => {
  expect(decideSlice(seen, wish)).toMatchObject(decision);
});

test('what is written is what was read, but for the address and the epoch', () => {
  const seen = leads('10.20.0.12', 3);
  const decision = decideSlice(seen, wish);
  if (decision.do !== 'update') throw new Error(decision.do);
  const { endpoints, metadata, ...rest } = decision.slice;
  expect(endpoints).toEqual([{ addresses: ['10.20.0.11'], conditions: { ready: true } }]);
  expect(metadata).toEqual({ ...seen.metadata, annotations: { ...seen.metadata.annotations, 'hallkeeper.dev/epoch': '4' } });
  expect({ ...rest, metadata: seen.metadata, endpoints: seen.endpoints }).toEqual(seen);
});

test('whatever is there, it is written only to a higher epoch and only for its own pair', () => {
  const addresses = constantFrom('10.20.0.11', '10.20.0.12', 'fd00::12');
  assert(
    property(nat(9), nat(9), addresses, constantFrom('uid-7', 'uid-8'), (known, epoch, address, pairUid) => {
      const decision = decideSlice(leads(address, known), { ...wish, pairUid, epoch });
      expect(decision.do !== 'update' || (epoch > known && pairUid === 'uid-7')).toBe(true);
    }),
  );
});
