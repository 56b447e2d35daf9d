import { describe, expect, test } from 'vitest';
import type { MemberStatus } from '#agents/member/contract.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { FilledCaches } from '../testing/stores.ts';
import { knownRecord, recordConflict, toldRecord } from './known-record.ts';
import { Observations } from './observations.ts';
import type { PairObservation } from './observations.ts';
import type { MemberView } from './pair-view.ts';

type Told = NonNullable<MemberStatus['record']>;
const etcd = { etcd: { endpoints: ['https://e:2379'], tlsSecretRef: { name: 't' } } };
const told = (change: Partial<Told> = {}): Told => ({ mode: 'sync', primary: 'a', epoch: 3, sequence: 9, ...change });
const views = (a: Told | undefined, b: Told | undefined, reachable = true): ReadonlyMap<string, MemberView> =>
  new Map([
    ['a', { reachable, status: aMemberStatus({ member: 'a', record: a }), why: undefined }],
    ['b', { reachable, status: aMemberStatus({ member: 'b', record: b }), why: undefined }],
  ]);
const seenBy = (members: ReadonlyMap<string, MemberView>, more: Partial<PairObservation> = {}): PairObservation => ({
  members,
  dns: undefined,
  routeProblem: undefined,
  recordSeen: undefined,
  ...more,
});
const pairOf = (status?: NonNullable<Parameters<typeof aStoredPair>[0]>['status']): ReturnType<typeof aStoredPair> =>
  aStoredPair({ spec: { arbiter: etcd }, ...(status === undefined ? {} : { status }) });

describe('the record that an etcd keeps', () => {
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ['nobody has told of one, and none was told of before', toldRecord(pairOf(), seenBy(new Map())), undefined],
    [
      'nobody was asked yet: what the status tells',
      toldRecord(pairOf({ mode: 'Solo', primary: 'b', epoch: 4 }), seenBy(new Map())),
      { spec: { mode: 'Solo', primary: 'b', epoch: 4, sequence: 0 } },
    ],
    [
      'of two the one with the higher sequence',
      toldRecord(pairOf(), seenBy(views(told({ mode: 'solo', sequence: 10 }), told()))),
      { spec: { mode: 'Solo', primary: 'a', epoch: 3, sequence: 10 } },
    ],
    [
      'of two the one with the higher epoch',
      toldRecord(pairOf(), seenBy(views(told(), told({ mode: 'claim', primary: 'b', epoch: 4, sequence: 10 })))),
      { spec: { mode: 'Claim', primary: 'b', epoch: 4, sequence: 10 } },
    ],
    ['the one of a member that is not reached any more', toldRecord(pairOf(), seenBy(views(told(), undefined, false)))?.spec.epoch, 3],
    [
      'not that of a member that was cut off before the epoch in the status',
      toldRecord(pairOf({ mode: 'Solo', primary: 'b', epoch: 4 }), seenBy(views(told(), undefined)))?.spec,
      { mode: 'Solo', primary: 'b', epoch: 4, sequence: 0 },
    ],
    [
      'in one epoch what members tell is newer than the status',
      toldRecord(pairOf({ mode: 'Solo', primary: 'a', epoch: 3 }), seenBy(views(told(), undefined)))?.spec.mode,
      'Sync',
    ],
    [
      'a new one names nobody',
      toldRecord(pairOf(), seenBy(views(told({ mode: 'new', primary: '-', epoch: 0, sequence: 0 }), undefined)))?.spec,
      { mode: 'New', epoch: 0, sequence: 0 },
    ],
    ['one of a stranger is none', toldRecord(pairOf(), seenBy(views(told({ primary: 'c' }), undefined))), undefined],
    ['one of a mode that nobody knows is none', toldRecord(pairOf(), seenBy(views(told({ mode: 'trio' }), undefined))), undefined],
  ];
  test.each(rows)('%s', (_what, known, expected) => expect(known).toEqual(expected));

  test('when it was first heard of counts as when it was changed', () => {
    const recordSeen = { epoch: 3, sequence: 9, atMs: Date.UTC(2026, 0, 2) };
    expect(toldRecord(pairOf(), seenBy(views(told(), undefined), { recordSeen }))?.spec.changedAt).toBe('2026-01-02T00:00:00.000Z');
    expect(toldRecord(pairOf(), seenBy(views(told({ sequence: 10 }), undefined), { recordSeen }))?.spec.changedAt).toBeUndefined();
  });

  test('a PairRecord that lies there under the name of the pair is nobody’s', () => {
    const caches = new FilledCaches();
    caches.pairRecords.see(aStoredRecord());
    const sources = { caches: caches.caches, observations: new Observations() };
    expect(knownRecord(pairOf(), sources)).toBeUndefined();
    expect(knownRecord(aStoredPair(), sources)?.spec.epoch).toBe(3);
  });
});

describe('members that obey two arbiters', () => {
  const rows: readonly (readonly [string, ReadonlyMap<string, MemberView>, boolean])[] = [
    ['two leaders of one epoch', views(told(), told({ primary: 'b' })), true],
    ['a higher epoch in an older record', views(told(), told({ primary: 'b', epoch: 4, sequence: 8 })), true],
    ['one knows the newer record', views(told(), told({ mode: 'claim', primary: 'b', epoch: 4, sequence: 10 })), false],
    ['both know the same', views(told(), told()), false],
    ['one has told of none', views(told(), undefined), false],
  ];
  test.each(rows)('%s', (_what, members, conflict) => expect(recordConflict(members) !== undefined).toBe(conflict));
});
