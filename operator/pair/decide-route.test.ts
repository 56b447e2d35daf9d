import { assert, constantFrom, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import type { PairRecordMode } from '#lib/api/pairrecord.gen.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { aSlice } from '../testing/views.ts';
import { sliceEpoch } from '#agents/member/contract.ts';
import { decideRoute } from './decide-route.ts';

const pair = aStoredPair({ spec: { service: { name: 'pair', ports: [{ name: 'hall', port: 443, targetPort: 7443 }] } } });

const epochOnly = { 'hallkeeper.dev/epoch': '3' };

const rows = [
  { behaviour: 'without a record it waits', record: undefined, slice: undefined, does: { do: 'wait' } },
  { behaviour: 'a new pair leads nowhere', record: aStoredRecord({ mode: 'New', epoch: 0 }), slice: undefined, does: { do: 'wait' } },
  {
    behaviour: 'a claim moves nothing',
    record: aStoredRecord({ mode: 'Claim', primary: 'b', epoch: 4 }),
    slice: aSlice(pair, '10.20.0.11', 3),
    does: { do: 'wait' },
  },
  { behaviour: 'a stranger is not led to', record: aStoredRecord({ primary: 'x' }), slice: undefined, does: { do: 'wait' } },
  {
    behaviour: 'the first leader gets a slice',
    record: aStoredRecord(),
    slice: undefined,
    does: { do: 'point', address: '10.20.0.11', epoch: 3 },
  },
  {
    behaviour: 'a later epoch moves it',
    record: aStoredRecord({ mode: 'Solo', primary: 'b', epoch: 4 }),
    slice: aSlice(pair, '10.20.0.11', 3),
    does: { do: 'point', address: '10.20.0.12', epoch: 4 },
  },
  { behaviour: 'a slice that is right stays', record: aStoredRecord(), slice: aSlice(pair, '10.20.0.11', 3), does: { do: 'keep' } },
  {
    behaviour: 'a slice that was bent is mended in its epoch',
    record: aStoredRecord(),
    slice: aSlice(pair, '10.9.9.9', 3),
    does: { do: 'point', address: '10.20.0.11' },
  },
  {
    behaviour: 'a slice that lost the label of its Service is mended',
    record: aStoredRecord(),
    slice: { ...aSlice(pair, '10.20.0.11', 3), metadata: { ...aSlice(pair, '10.20.0.11', 3).metadata, labels: {} } },
    does: { do: 'point', address: '10.20.0.11' },
  },
  {
    behaviour: 'a slice with other ports is mended',
    record: aStoredRecord(),
    slice: { ...aSlice(pair, '10.20.0.11', 3), ports: [] },
    does: { do: 'point' },
  },
  {
    behaviour: 'a slice that does not say who may lead where is mended',
    record: aStoredRecord(),
    slice: { ...aSlice(pair, '10.20.0.11', 3), metadata: { ...aSlice(pair, '10.20.0.11', 3).metadata, annotations: epochOnly } },
    does: { do: 'point', address: '10.20.0.11', epoch: 3 },
  },
  {
    behaviour: 'a slice of a later epoch is left alone',
    record: aStoredRecord(),
    slice: aSlice(pair, '10.20.0.12', 4),
    does: { do: 'obsolete', epoch: 4 },
  },
] as const;

for (const { behaviour, record, slice, does } of rows) {
  test(behaviour, () => expect(decideRoute({ pair, record, slice })).toMatchObject(does));
}

test('an epoch that cannot be read is older than every other', () => {
  const slice = aSlice(pair, '10.20.0.11', 3);
  const marked = (text: string) => ({ ...slice, metadata: { ...slice.metadata, annotations: { 'hallkeeper.dev/epoch': text } } });
  expect(['', '-1', '1e3', '03', 'x', '12'].map((text) => sliceEpoch(marked(text).metadata))).toEqual([-1, -1, -1, -1, -1, 12]);
});

test('whatever is seen, nothing is ever written for a lower epoch', () => {
  const modes: readonly PairRecordMode[] = ['New', 'Sync', 'Solo', 'Claim'];
  assert(
    property(
      constantFrom(...modes),
      constantFrom('a', 'b', 'x'),
      nat(9),
      nat(9),
      constantFrom('10.20.0.11', '10.20.0.12'),
      (mode, primary, epoch, known, address) => {
        const decision = decideRoute({ pair, record: aStoredRecord({ mode, primary, epoch }), slice: aSlice(pair, address, known) });
        expect(decision.do !== 'point' || decision.epoch >= known).toBe(true);
      },
    ),
  );
});
