import { expect, test } from 'vitest';
import { decideDown } from './decide-down.ts';

test.each([
  ['the epoch it follows', { epoch: 5n }, { do: 'obey', isNewEpoch: false }],
  ['a higher epoch', { epoch: 6n }, { do: 'obey', isNewEpoch: true }],
  ['an epoch that is over', { epoch: 4n }, { do: 'refuse', why: 'oldEpoch' }],
  ['no epoch at all', { epoch: 0n }, { do: 'refuse', why: 'oldEpoch' }],
  ['that it does not lead, whatever its epoch', { epoch: 4n, isNotPrimary: true }, { do: 'pass' }],
  ['another pair', { epoch: 6n, pairUid: 'other' }, { do: 'refuse', why: 'foreignPair' }],
  ['that it does not lead another pair', { epoch: 6n, pairUid: 'other', isNotPrimary: true }, { do: 'refuse', why: 'foreignPair' }],
])('a member that speaks for %s', (_what, head, decision) => {
  expect(decideDown({ pairUid: 'own', isNotPrimary: false, ...head }, { pairUid: 'own', highest: 5n })).toEqual(decision);
});

test('a terminal that has never followed anybody obeys the first epoch, but none without a number', () => {
  const own = { pairUid: 'own', highest: 0n };
  expect(decideDown({ pairUid: 'own', epoch: 1n, isNotPrimary: false }, own)).toEqual({ do: 'obey', isNewEpoch: true });
  expect(decideDown({ pairUid: 'own', epoch: 0n, isNotPrimary: false }, own)).toEqual({ do: 'refuse', why: 'oldEpoch' });
});
