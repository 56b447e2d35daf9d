import { expect, test } from 'vitest';
import { saysEmptyLog, segmentBegin } from './lineage.ts';
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

test.each([
  ['pg_waldump: error: could not find a valid record after 0/3000028', true],
  ['pg_waldump: error: could not find file "000000050000000000000003": No such file or directory', true],
  ['pg_waldump: error: could not read from file 000000050000000000000003: Input/output error', false],
  ['', false],
])('what pg_waldump says, %s, means an empty log: %s', (said, empty) => {
  expect(saysEmptyLog(said)).toBe(empty);
});
