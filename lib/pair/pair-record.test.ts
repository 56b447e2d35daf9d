import { describe, expect, test } from 'vitest';
import {
  admit,
  checkRecord,
  claim,
  degrade,
  found,
  identify,
  isForward,
  isLegal,
  newRecord,
  open,
  settled,
  takeBack,
} from './pair-record.ts';
import type { PairRecord } from './pair-record.ts';

const by = (author: string): { author: string; reason: string } => ({ author, reason: 'test' });
const solo = identify(found(newRecord, by('a')), '7', by('a'));
const sync = admit(solo, by('a'));
const claimed = claim(sync, by('b'));

describe('the record of a pair', () => {
  const legal: readonly (readonly [string, PairRecord, PairRecord])[] = [
    ['a new pair is founded', newRecord, found(newRecord, by('a'))],
    ['the first leader names its data', found(newRecord, by('a')), solo],
    ['the sole primary admits its standby', solo, sync],
    ['the synchronous primary degrades', sync, degrade(sync, by('a'))],
    ['the standby claims', sync, claimed],
    ['the claimant opens', claimed, open(claimed, by('b'))],
    ['the deposed member takes a claim back', claimed, takeBack(claimed, by('a'))],
    ['anyone settles', claimed, settled(claimed)],
  ];
  for (const [behaviour, from, to] of legal) {
    test(`${behaviour}: sequence rises by one, the epoch exactly when the leader changes`, () => {
      expect(isLegal(from, to)).toBe(true);
      expect(isForward(from, to)).toBe(true);
      expect(to.epoch - from.epoch).toBe(to.primary === from.primary ? 0 : 1);
    });
  }

  const illegal: readonly (readonly [string, PairRecord, PairRecord])[] = [
    ['a claim out of solo', solo, { ...solo, sequence: solo.sequence + 1, mode: 'claim', primary: 'b', epoch: 2 }],
    ['a claim without a new epoch', sync, { ...claimed, epoch: sync.epoch }],
    ['a new leader by degrading', sync, { ...degrade(sync, by('a')), primary: 'b' }],
    ['a skipped sequence', sync, { ...claimed, sequence: claimed.sequence + 1 }],
    ['another system identifier', solo, { ...sync, systemIdentifier: '8' }],
    ['a return to new', solo, { ...newRecord, sequence: solo.sequence + 1 }],
    ['sync straight out of a claim', claimed, { ...settled(claimed), mode: 'sync' }],
  ];
  for (const [behaviour, from, to] of illegal)
    test(`${behaviour} is no change of the protocol`, () => expect(isLegal(from, to)).toBe(false));

  test('changes by the wrong member are broken promises', () => {
    expect(() => degrade(sync, by('b'))).toThrow('broken promise');
    expect(() => claim(sync, by('a'))).toThrow('broken promise');
    expect(() => claim(solo, by('b'))).toThrow('broken promise');
    expect(() => open(claimed, by('a'))).toThrow('broken promise');
    expect(() => takeBack(claimed, by('b'))).toThrow('broken promise');
  });

  test('a record that goes back in sequence or epoch is not believed', () => {
    expect(isForward(claimed, sync)).toBe(false);
    expect(isForward(claimed, { ...sync, sequence: 99 })).toBe(false);
    expect(isForward(claimed, { ...claimed, primary: 'a' })).toBe(false);
  });

  test('a record that names another leader in the same epoch, or other data, is not believed, however new it is', () => {
    expect(isForward(sync, { ...sync, sequence: 99, primary: 'b' })).toBe(false);
    expect(isForward(sync, { ...sync, sequence: 99, epoch: 2, primary: 'b' })).toBe(true);
    expect(isForward(sync, { ...sync, sequence: 99, systemIdentifier: '8' })).toBe(false);
    expect(isForward(found(newRecord, by('a')), { ...solo, sequence: 99 })).toBe(true);
  });

  test('a malformed record is refused with all that is wrong', () => {
    const bad = { ...sync, formatVersion: 2, epoch: -1, primary: 'c' };
    expect(() => checkRecord(bad, ['a', 'b'])).toThrow(
      "format 2 is newer than this agent's 1; its epoch is not a whole number; its primary c is not one of a, b",
    );
    expect(checkRecord(sync, ['a', 'b'])).toBe(sync);
  });
});
