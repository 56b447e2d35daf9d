import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { messageOf } from '#lib/base/errors.ts';
import { admit, claim, found, identify, newRecord } from '#lib/pair/pair-record.ts';
import type { PairRecord } from '#lib/pair/pair-record.ts';
import { formatRecord, parseRecord, storable } from './etcd-record.ts';

const pair = '5b1e2f4a-0000-4000-8000-000000000007';
const attributes = { pair, request: 'r1', changedAt: '2026-01-02T03:04:05.000Z' };
const by = { author: 'a', reason: 'test' };
const solo = identify(found(newRecord, by), '7300000000000000001', by);
const raw = (change: object = {}): Buffer => Buffer.from(JSON.stringify({ ...solo, ...attributes, ...change }));
const refusal = (value: Buffer): string => {
  try {
    parseRecord(value, pair, ['a', 'b']);
    return 'accepted';
  } catch (error) {
    return messageOf(error);
  }
};

describe('the value of the key', () => {
  for (const [what, record] of [
    ['a new record', newRecord],
    ['a record of one that leads', solo],
    ['a claim with what was acknowledged', claim(admit(solo, by), { ...by, author: 'b' }, { timeline: 2, lsn: 0x16_b374_d848n })],
  ] as const) {
    test(`${what} reads back as it was written`, () =>
      expect(parseRecord(formatRecord(record, attributes), pair, ['a', 'b'])).toEqual(record));
  }

  test('what is storable reads back, whatever people said', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000 }), fc.nat(), (reason, sequence) => {
        const record: PairRecord = storable({ ...solo, reason, sequence });
        expect(parseRecord(formatRecord(record, attributes), pair, ['a', 'b'])).toEqual(record);
      }),
    );
  });

  const wrong: readonly (readonly [string, Buffer, string])[] = [
    ['no JSON', Buffer.from('{"formatVersion":1,'), 'it is no JSON'],
    ['no mapping', Buffer.from('[]'), 'record must be a mapping'],
    [
      'a newer format, whatever else it holds',
      raw({ formatVersion: 2, mode: 'Trio', colour: 'red' }),
      "format 2 is newer than this agent's 1",
    ],
    ['a format that is no number', raw({ formatVersion: '1' }), 'record.formatVersion must be a whole number'],
    ['a field that nobody knows', raw({ colour: 'red' }), 'record.colour is not a known setting'],
    ['a mode that nobody knows', raw({ mode: 'Solo' }), 'record.mode must be one of new, sync, solo, claim'],
    ['a sequence that was lost', raw({ sequence: undefined }), 'record.sequence is required'],
    [
      'a position in decimal',
      raw({ acknowledged: { timeline: 2, lsn: '97500059720' } }),
      'record.acknowledged.lsn must be a log position such as 16/B374D848',
    ],
    ['a leader in mode new', raw({ mode: 'new' }), 'a new record names a primary'],
    ['a third member', raw({ primary: 'c' }), 'its primary c is not one of a, b'],
    ['the record of another pair', raw({ pair: 'another' }), `record.pair must be ${pair}`],
    ['more than a record can be', raw({ reason: 'x'.repeat(17_000) }), 'more than 16384'],
  ];
  for (const [what, value, says] of wrong) test(`${what} is refused`, () => expect(refusal(value)).toContain(says));

  test('everything that is wrong is said at once', () => {
    const said = refusal(raw({ mode: 'Trio', epoch: -1, colour: 'red' }));
    for (const part of ['record.mode', 'record.epoch', 'record.colour']) expect(said).toContain(part);
  });
});
