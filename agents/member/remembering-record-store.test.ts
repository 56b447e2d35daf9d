import { describe, expect, test } from 'vitest';
import type { ArbiterAnswer } from '#lib/pair/events.ts';
import { found, newRecord, settled } from '#lib/pair/pair-record.ts';
import type { PairRecord, SeenRecord } from '#lib/pair/pair-record.ts';
import type { RecordStore } from './record-store.ts';
import { RememberingRecordStore } from './remembering-record-store.ts';

const older = found(newRecord, { author: 'a', reason: 'test' });
const newer = settled(older);
const seen = (record: PairRecord): SeenRecord => ({ record, version: '1' });
const { signal } = new AbortController();

/** A memory that knows one record, and a store that answers every question alike. */
function remembering(answer: ArbiterAnswer, known: PairRecord | undefined, disk: 'well' | 'full' = 'well'): [RecordStore, PairRecord[]] {
  const noted: PairRecord[] = [];
  const answers = (): Promise<ArbiterAnswer> => Promise.resolve(answer);
  const store: RecordStore = { read: answers, create: answers, swap: answers, watch: () => Promise.resolve() };
  const memory = {
    doubt: (record: PairRecord) =>
      known !== undefined && record.sequence < known.sequence ? { why: 'the record went back', successor: 'b' } : undefined,
    sign: (record: PairRecord) => ({ ...record, marks: { a: 'f00' } }),
    note: (record: PairRecord) => (disk === 'full' ? Promise.reject(new Error('no room')) : Promise.resolve(void noted.push(record))),
  };
  return [new RememberingRecordStore(store, memory, 'kubernetes'), noted];
}

describe('an arbiter whose records are remembered', () => {
  test('passes a record on that is as new as what was seen, and remembers it', async () => {
    const answer = { kind: 'current', seen: seen(newer) } as const;
    for (const known of [undefined, older, newer]) {
      const [store, noted] = remembering(answer, known);
      expect(await store.read(signal)).toBe(answer);
      expect(noted).toEqual([newer]);
    }
  });

  test('believes no record that was set back, whichever call shows it', async () => {
    const [store, noted] = remembering({ kind: 'current', seen: seen(older) }, newer);
    for (const answer of [await store.read(signal), await store.swap(seen(older), newer, signal), await store.create(older, signal)]) {
      expect(answer).toEqual({ kind: 'invalid', why: 'the record went back', successor: 'b' });
    }
    expect(noted).toEqual([]);
  });

  test('remembers what it has itself changed', async () => {
    const [store, noted] = remembering({ kind: 'won', seen: seen(newer) }, older);
    expect(await store.swap(seen(older), newer, signal)).toMatchObject({ kind: 'won' });
    expect(noted).toEqual([newer]);
  });

  test('takes no answer for one that cannot be kept, and leaves open whether a change was carried out', async () => {
    const [reading] = remembering({ kind: 'current', seen: seen(newer) }, undefined, 'full');
    expect(await reading.read(signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });
    const [swapping] = remembering({ kind: 'won', seen: seen(newer) }, undefined, 'full');
    expect(await swapping.swap(seen(older), newer, signal)).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
  });

  test('writes no change without its mark', async () => {
    const written: PairRecord[] = [];
    const write = (record: PairRecord): Promise<ArbiterAnswer> => {
      written.push(record);
      return Promise.resolve({ kind: 'absent' });
    };
    const store: RecordStore = {
      read: () => Promise.resolve({ kind: 'absent' }),
      create: (record) => write(record),
      swap: (_expect, record) => write(record),
      watch: () => Promise.resolve(),
    };
    const memory = {
      doubt: () => undefined,
      note: () => Promise.resolve(),
      sign: (record: PairRecord) => ({ ...record, marks: { a: 'f00' } }),
    };
    const remembers = new RememberingRecordStore(store, memory, 'kubernetes');
    await remembers.swap(seen(older), newer, signal);
    await remembers.create(older, signal);
    expect(written.map(({ marks }) => marks)).toEqual([{ a: 'f00' }, { a: 'f00' }]);
  });

  test('passes on what is no record', async () => {
    const absent = { kind: 'absent' } as const;
    const [store] = remembering(absent, newer);
    expect(await store.read(signal)).toBe(absent);
  });
});
