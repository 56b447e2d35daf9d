import { describe, expect, test } from 'vitest';
import {
  buildFailoverRemoval,
  buildFailoverUpdate,
  decideFailoverUpdate,
  isInSync,
  nameStateOf,
  ownershipText,
  parseOwnership,
} from './failover-record.ts';
import type { FailoverRecord, NameState } from './failover-record.ts';
import { recordClasses } from './record.ts';

const wanted: FailoverRecord = {
  zone: 'hall.example',
  name: 'pair.hall.example',
  ttlSeconds: 1,
  address: '10.1.2.3',
  pairUid: 'uid-1',
  epoch: 5,
};
const owned = (epoch: number, address = '10.1.2.3', pairUid = 'uid-1'): NameState => ({
  is: 'owned',
  pairUid,
  epoch,
  addresses: [address],
  ttlSeconds: 1,
});

test('an UPDATE names the older epoch it replaces, and changes address and ownership together', () => {
  const { zone, prerequisites, updates } = buildFailoverUpdate(wanted, 4);
  expect(zone).toBe('hall.example');
  expect(prerequisites).toEqual([
    { name: wanted.name, classCode: recordClasses.IN, ttlSeconds: 0, data: { type: 'TXT', texts: ['hallkeeper pair=uid-1 epoch=4'] } },
  ]);
  expect(updates.map(({ classCode, data }) => [classCode, data.type === 'empty' ? data.code : data.type])).toEqual([
    [recordClasses.ANY, 1],
    [recordClasses.ANY, 28],
    [recordClasses.ANY, 16],
    [recordClasses.IN, 'A'],
    [recordClasses.IN, 'TXT'],
  ]);
});

test('without a known epoch the name must not exist', () => {
  expect(buildFailoverUpdate(wanted, 'absent').prerequisites).toEqual([
    { name: wanted.name, classCode: recordClasses.NONE, ttlSeconds: 0, data: { type: 'empty', code: 255 } },
  ]);
});

test('an IPv6 address becomes an AAAA record', () => {
  expect(buildFailoverUpdate({ ...wanted, address: 'FD00::0001' }, 4).updates.at(3)?.data).toEqual({ type: 'AAAA', address: 'fd00::1' });
});

test('giving a name up demands that it is still ours', () => {
  const { prerequisites, updates } = buildFailoverRemoval(wanted);
  expect(prerequisites[0]?.data).toEqual({ type: 'TXT', texts: [ownershipText(wanted)] });
  expect(updates).toHaveLength(3);
});

test.each([
  ['an epoch that would go back', wanted, 6],
  ['an epoch that is no number', { ...wanted, epoch: Number.NaN }, 4],
  ['a fraction of an epoch', { ...wanted, epoch: 5.5 }, 4],
  ['a pair uid with a space', { ...wanted, pairUid: 'uid 1' }, 4],
  ['an address that is a name', { ...wanted, address: 'member-a' }, 4],
])('%s is not written', (_what, record, from) => {
  expect(() => buildFailoverUpdate(record, from)).toThrow(expect.objectContaining({ code: 'HK_DNS_RECORD_INVALID' }));
});

describe('a writer that has looked', () => {
  test.each<[string, NameState, string]>([
    ['takes a free name', { is: 'absent' }, 'update'],
    ['goes on from an older epoch, even one it did not expect', owned(2, '10.1.2.9'), 'update'],
    ['mends the address of its own epoch', owned(5, '10.1.2.9'), 'update'],
    ['mends the TTL of its own epoch', { ...owned(5), ttlSeconds: 60 } as NameState, 'update'],
    ['has nothing to do when all is there', owned(5), 'done'],
    ['stops before a later epoch', owned(6, '10.1.2.9'), 'superseded'],
    ['leaves the name of another pair alone, whatever its epoch', owned(1, '10.1.2.9', 'uid-2'), 'foreign'],
    ['leaves the name of a stranger alone', { is: 'foreign', says: '' }, 'foreign'],
  ])('%s', (_what, seen, decision) => expect(decideFailoverUpdate(wanted, seen).do).toBe(decision));
  test('demands what it saw', () => {
    const decision = decideFailoverUpdate(wanted, owned(2));
    expect(decision.do === 'update' && decision.request.prerequisites[0]?.data).toEqual({
      type: 'TXT',
      texts: ['hallkeeper pair=uid-1 epoch=2'],
    });
  });
});

test.each([
  ['hallkeeper pair=uid-1 epoch=05'],
  ['hallkeeper pair=uid-1 epoch=-1'],
  ['hallkeeper pair=uid-1 epoch=5 '],
  ['hallkeeper pair= epoch=5'],
  ['hallkeeper pair=uid-1 epoch=9999999999999999'],
  ['Hallkeeper pair=uid-1 epoch=5'],
  ['v=spf1 -all'],
])('"%s" is not an ownership text', (text) => expect(parseOwnership(text)).toBeUndefined());

test('what a server has is read with suspicion', () => {
  const text = ownershipText(wanted);
  expect(nameStateOf([], [])).toEqual({ is: 'absent' });
  expect(nameStateOf([text], ['10.1.2.3'], 1)).toEqual(owned(5));
  expect(nameStateOf([text, 'v=spf1 -all'], ['10.1.2.3']).is).toBe('foreign');
  expect(nameStateOf(['v=spf1 -all'], []).is).toBe('foreign');
  expect(nameStateOf([], ['10.1.2.3']).is).toBe('foreign');
});

test('in sync means this epoch and this address alone', () => {
  expect(isInSync(wanted, owned(5))).toBe(true);
  for (const seen of [
    owned(4),
    owned(5, '10.1.2.4'),
    { ...owned(5), addresses: ['10.1.2.3', '10.1.2.4'] } as NameState,
    { is: 'absent' as const },
  ]) {
    expect(isInSync(wanted, seen)).toBe(false);
  }
});
