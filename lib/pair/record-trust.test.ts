import { expect, test } from 'vitest';
import { admit, found, newRecord, settled } from './pair-record.ts';
import type { PairRecord } from './pair-record.ts';
import { doubtOf, nextMark, signed, trustAfter } from './record-trust.ts';
import type { RecordTrust } from './record-trust.ts';

let drawn = 0;
const fresh = (): string => `m${(drawn += 1)}`;
const trust = (before: RecordTrust | undefined, record: PairRecord): RecordTrust => trustAfter(before, record, 'a', fresh);
const founded = found(newRecord, { author: 'a', reason: 'test' });

/** Two changes of a, the second on top of the first. */
function twoChanges(): {
  readonly first: PairRecord;
  readonly second: PairRecord;
  readonly known: RecordTrust;
  readonly before: RecordTrust;
} {
  const start = trust(undefined, founded);
  const first = signed(settled(founded), 'a', nextMark(start));
  const before = trust(start, first);
  const second = signed(settled(first), 'a', nextMark(before));
  return { first, second, before, known: trust(before, second) };
}

test('what others change on top of the last own change is believed', () => {
  const { second, known } = twoChanges();
  const theirs = signed(admit(second, { author: 'a', reason: 'test' }), 'b', 'b1');
  expect(doubtOf(known, theirs, 'a')).toBeUndefined();
  expect(doubtOf(known, second, 'a')).toBeUndefined();
});

test('a record that was set back is doubted however far others have raised its counters since, and says who may lead by it', () => {
  const { first, known } = twoChanges();
  const raised = signed({ ...settled(settled(settled(first))), epoch: 2, primary: 'b' }, 'b', 'b1');
  expect(doubtOf(known, raised, 'a')).toMatchObject({ successor: 'b', why: expect.stringContaining('lacks the last change') as string });
  expect(doubtOf(known, { ...raised, epoch: 1 }, 'a')).not.toHaveProperty('successor');
  expect(doubtOf(known, first, 'a')?.why).toContain('went back');
});

test('a change whose answer was lost is known again, whether it was carried out or not', () => {
  const { first, second, before } = twoChanges();
  expect(doubtOf(before, first, 'a')).toBeUndefined();
  expect(doubtOf(before, second, 'a')).toBeUndefined();
  expect(nextMark(trust(before, first))).toBe(nextMark(before));
  expect(nextMark(trust(before, second))).not.toBe(nextMark(before));
});

test('a record that a person has written bears no mark, and is judged by its counters', () => {
  const { second, known } = twoChanges();
  const adopted = { ...second, marks: undefined, sequence: 1_000, epoch: 5 };
  expect(doubtOf(known, adopted, 'a')).toBeUndefined();
  expect(doubtOf(known, { ...adopted, epoch: 0 }, 'a')?.why).toContain('went back');
  // What stood there before it can no longer pass.
  const after = trust(known, adopted);
  expect(doubtOf(after, { ...adopted, sequence: 1_001, marks: second.marks }, 'a')?.why).toContain('lacks the last change');
  expect(doubtOf(after, signed(settled(adopted), 'a', nextMark(after)), 'a')).toBeUndefined();
});

test('whoever has never left a mark believes any', () => {
  const { second } = twoChanges();
  expect(doubtOf({ sequence: 1, epoch: 1, marks: [] }, second, 'a')).toBeUndefined();
  expect(trust(undefined, second).marks[0]).toBe(second.marks?.['a']);
});
