import { expect, test } from 'vitest';
import { segmentBegin } from './lineage.ts';
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
