import { describe, expect, test } from 'vitest';
import { aPairOperation } from '#test/api/builders.ts';
import { decideOperation, destroyedBy, isUnpaused } from './decide-operation.ts';
import type { OperationWish } from './decide-operation.ts';
import type { PairSeen } from './pair-seen.ts';
import { aPairSeen, aPrimaryStatus, aStandbyStatus } from './testing/pairs.ts';

const leaving = (seen: PairSeen): PairSeen => ({
  ...seen,
  pair: { ...seen.pair, metadata: { ...seen.pair.metadata, deletionTimestamp: '2026-01-02T03:04:05Z' } },
});
const etcd = { arbiter: { etcd: { endpoints: ['https://10.0.0.1:2379'], tlsSecretRef: { name: 'etcd' } } } } as const;
const blocked = { whenStandbyLost: 'Block' } as const;

interface Row {
  readonly behaviour: string;
  readonly wish: Partial<OperationWish>;
  readonly seen?: PairSeen;
  readonly problems: readonly string[];
}

const rows: readonly Row[] = [
  { behaviour: 'a switchover of a pair that is well', wish: { type: 'Switchover' }, problems: [] },
  {
    behaviour: 'a switchover to who leads already',
    wish: { type: 'Switchover', member: 'a' },
    problems: ['a is the primary already'],
  },
  { behaviour: 'a pause of a pair that is well', wish: { type: 'Pause' }, problems: [] },
  { behaviour: 'a pause of a pair that was never led', wish: { type: 'Pause' }, seen: neverLed(), problems: [] },
  { behaviour: 'a pause of a pair that its spec pauses', wish: { type: 'Pause' }, seen: aPairSeen({}, {}, { paused: true }), problems: [] },
  {
    behaviour: 'anything of a pair that is being deleted, with all that is wrong besides',
    wish: { type: 'Pause', reason: '' },
    seen: leaving(aPairSeen()),
    problems: ['the pair pair-7 is being deleted', 'the reason has 0 characters, and must have 1 to 300'],
  },
  {
    behaviour: 'anything for a reason that is too long for the audit log',
    wish: { type: 'Resume', reason: 'r'.repeat(301) },
    problems: ['the reason has 301 characters, and must have 1 to 300'],
  },
  { behaviour: 'a resume', wish: { type: 'Resume' }, problems: [] },
  {
    behaviour: 'a resume of a pair that its spec pauses',
    wish: { type: 'Resume' },
    seen: aPairSeen({}, {}, { paused: true }),
    problems: ['spec.paused of the pair is true, and an operation does not change a spec: set it to false there'],
  },
  { behaviour: 'a copy of the standby', wish: { type: 'Reinitialize', member: 'b' }, problems: [] },
  {
    behaviour: 'a copy of the standby that is not waited for',
    wish: { type: 'Reinitialize', member: 'b' },
    seen: aPairSeen({}, { mode: 'Solo' }, blocked),
    problems: [],
  },
  {
    behaviour: 'a copy of the standby of a pair whose record an etcd keeps',
    wish: { type: 'Reinitialize', member: 'b' },
    seen: aPairSeen({}, 'gone', etcd),
    problems: [],
  },
  {
    behaviour: 'a copy of who leads, by what the operator saw in the etcd',
    wish: { type: 'Reinitialize', member: 'a' },
    seen: aPairSeen({}, 'gone', etcd),
    problems: ['a leads: only a standby is copied anew; switch over first'],
  },
  {
    behaviour: 'a copy of who leads, where every write would wait',
    wish: { type: 'Reinitialize', member: 'a' },
    seen: aPairSeen({}, {}, blocked),
    problems: [
      'a leads: only a standby is copied anew; switch over first',
      'by whenStandbyLost: Block every write would wait until the copy is made; set it to Continue for that time',
    ],
  },
  {
    behaviour: 'a copy of a stranger',
    wish: { type: 'Reinitialize', member: 'c' },
    problems: ['pair-7 has the members a and b, not c'],
  },
  {
    behaviour: 'a copy during a take-over',
    wish: { type: 'Reinitialize', member: 'a' },
    seen: aPairSeen({}, { mode: 'Claim', primary: 'b' }),
    problems: ['one member is taking over at this moment, so nobody leads who could be copied: ask again in some seconds'],
  },
  {
    behaviour: 'a copy where nobody leads',
    wish: { type: 'Reinitialize', member: 'b' },
    seen: neverLed(),
    problems: ['nobody leads the pair yet'],
  },
  {
    behaviour: 'a copy while the record is lost',
    wish: { type: 'Reinitialize', member: 'b' },
    seen: aPairSeen({}, 'gone'),
    problems: ['the pair has no record, so nobody can say which of the two copies counts'],
  },
];

/** A pair whose record is as the operator made it. */
function neverLed(): PairSeen {
  const seen = aPairSeen({}, { mode: 'New', epoch: 0 });
  const { primary: _, ...spec } = seen.record?.spec ?? {};
  return { ...seen, record: { ...seen.record, spec } as NonNullable<PairSeen['record']> };
}

describe('what speaks against an operation', () => {
  for (const { behaviour, wish, seen = aPairSeen(), problems } of rows) {
    test(`${behaviour}: ${problems.length === 0 ? 'nothing' : 'is told'}`, () => {
      const whole: OperationWish = { type: 'Pause', member: undefined, reason: 'tidy', ...wish };
      expect(decideOperation(seen, whole).problems).toEqual(problems);
    });
  }
});

describe('what a copy destroys', () => {
  test('is told with whose it is, how far it reaches, and what holds meanwhile', () => {
    const position = { flushed: '0/5000000', exact: true, seenAt: '2026-01-02T03:04:00Z' };
    expect(destroyedBy(aPairSeen({ members: [aPrimaryStatus(), aStandbyStatus({ position })] }), 'b')).toBe(
      'The whole database of b, which reaches 0/5000000, is deleted and copied anew from a. Until the copy is made and has caught up ' +
        'a leads alone: if a fails in that time, nobody takes over and the hall stands still; if its disk is lost too, so is everything.',
    );
  });

  test('also when nothing is known of it, and the pair runs on one member already', () => {
    expect(destroyedBy(aPairSeen({ members: [] }, { mode: 'Solo' }), 'b')).toMatch(
      /^The whole database of b is deleted and copied anew from a\. .* a goes on leading alone: /,
    );
  });
});

test('a pair is resumed that is paused, is about to be, or has a member that still is', () => {
  const pausing = (done: boolean) => ({
    ...aPairOperation(),
    spec: { ...aPairOperation().spec, type: 'Pause' },
    status: { conditions: [{ type: 'Complete', status: done ? 'True' : 'False', reason: 'x', message: 'm', lastTransitionTime: 't' }] },
  });
  const marked = aPairSeen();
  const metadata = { ...marked.pair.metadata, annotations: { 'hallkeeper.dev/paused-by': 'x' } };
  const states: readonly (readonly [PairSeen, boolean])[] = [
    [aPairSeen(), true],
    [aPairSeen({}, {}, { paused: true }), false],
    [{ ...marked, pair: { ...marked.pair, metadata } }, false],
    [aPairSeen({ members: [aStandbyStatus({ paused: true })] }), false],
    [{ ...marked, operations: [pausing(false) as never] }, false],
    [{ ...marked, operations: [pausing(true) as never] }, true],
  ];
  expect(states.map(([seen]) => isUnpaused(seen))).toEqual(states.map(([, unpaused]) => unpaused));
});
