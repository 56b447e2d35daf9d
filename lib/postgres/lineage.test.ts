import { expect, test } from 'vitest';
import { logFilesFrom, segmentBegin } from './lineage.ts';
import { parseLsn } from './lsn.ts';

const megabyte = 1024 * 1024;

test.each([
  ['0000000000000003', 16, '0/3000000'],
  ['00000001000000FF', 16, '1/FF000000'],
  ['0000000200000001', 1024, '2/40000000'],
  ['0000000A00000FFF', 1, 'A/FFF00000'],
])('the segment %s of %i MB begins at %s', (digits, size, begin) => {
  expect(segmentBegin(digits, size * megabyte)).toBe(parseLsn(begin));
});

test('the log of a timeline from a position on: its own files, whatever else lies beside them', () => {
  const names = [
    '00000006.history',
    '000000050000000000000004',
    '000000050000000000000003',
    '000000050000000000000006',
    '000000060000000000000005',
  ];
  const place = { timeline: 5, fromLsn: parseLsn('0/3C5C690'), segmentBytes: 16 * megabyte };
  expect(logFilesFrom(names, place)).toEqual({ first: '000000050000000000000003', last: '000000050000000000000004' });
  expect(logFilesFrom(names, { ...place, timeline: 7 })).toBeUndefined();
  expect(logFilesFrom(names, { ...place, fromLsn: parseLsn('0/5000000') })).toBeUndefined();
});
