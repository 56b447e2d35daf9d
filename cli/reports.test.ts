import { describe, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { explainFailover } from '#lib/pair/explain.ts';
import { aPrimaryFacts, aStandbyFacts, pairFacts } from '#lib/pair/testing/pair-facts.ts';
import { aPairOperation } from '#test/api/builders.ts';
import { explainPair, explanationAsJson, explanationInWords } from './explain-report.ts';
import type { OperatorSeen } from './operator-seen.ts';
import { pairFactsOf } from './pair-seen.ts';
import type { PairSeen } from './pair-seen.ts';
import { statusAsJson, statusInWords } from './status-report.ts';
import { ageOf, secondsOf, tableOf } from './table.ts';
import { aPairSeen, aPrimaryStatus, aStandbyStatus } from './testing/pairs.ts';

const nowMs = Date.parse('2026-01-02T03:04:05Z');
const lastFailover = {
  epoch: 3,
  from: 'b',
  to: 'a',
  reason: 'ProcessDeath',
  completedAt: '2026-01-02T03:00:00Z',
  writeOutageMs: 251,
  message: 'agent, SQL and stream ended',
  phases: { detect: 103, decide: 8, fence: 26, promote: 47, open: 76, route: 0 },
} as const;
const zeroLoss = (status: 'True' | 'False') =>
  ({
    type: 'ZeroLossFailoverPossible',
    status,
    reason: 'StandbyStreaming',
    message: 'm',
    lastTransitionTime: '2026-01-02T03:04:00Z',
  }) as const;
const nobodyAnswers = { ...zeroLoss('True'), status: 'Unknown', reason: 'MembersUnreachable' } as const;
const alive: OperatorSeen = { lease: 'hallkeeper-system/hallkeeper-operator', agoMs: 2_400, stale: undefined, justBegun: false };
const operation = (status: PairOperation['status'] & object): PairOperation =>
  ({
    ...aPairOperation(),
    metadata: { ...aPairOperation().metadata, namespace: 'hall-7', creationTimestamp: '2026-01-02T03:03:05Z' },
    status,
  }) as PairOperation;

test('a status that the operator wrote is read back as the facts that it was made from', () => {
  const facts = pairFactsOf(aPairSeen());
  expect(facts).toEqual(pairFacts({ heard: [aPrimaryFacts(), aStandbyFacts()], called: 'pair-7 -n hall-7' }));
  expect(explainFailover(facts).takesOver).toBe(true);
});

describe('what keeps a member from being counted on is read back, too', () => {
  const rows: readonly (readonly [string, PairSeen, string | undefined])[] = [
    ['a member that was not heard', aPairSeen({ members: [aPrimaryStatus(), { name: 'b', heard: 'NotHeard' }] }), 'StandbyLost'],
    [
      'one of which an older operator tells too little',
      aPairSeen({ members: [aPrimaryStatus(), { name: 'b', role: 'Standby' }] }),
      'StandbyLost',
    ],
    ['one that is heard through its peer', aPairSeen({ members: [aPrimaryStatus(), aStandbyStatus({ heard: 'ThroughPeer' })] }), undefined],
    [
      'a standby without arbiter',
      aPairSeen({ members: [aPrimaryStatus(), aStandbyStatus({ arbiterReached: false })] }),
      'ArbiterUnreachable',
    ],
    ['one that is stuck', aPairSeen({ members: [aPrimaryStatus(), aStandbyStatus({ stuck: 'its replay stands still' })] }), 'StandbyLost'],
    ['one with a full disk', aPairSeen({ members: [aPrimaryStatus(), aStandbyStatus({ diskFull: true })] }), 'DiskFull'],
    ['one without proof', aPairSeen({ members: [aPrimaryStatus(), aStandbyStatus({ data: 'Incomplete' })] }), 'CopyingStandby'],
    ['a frozen one', aPairSeen({ members: [aPrimaryStatus({ frozen: 'gone' }), aStandbyStatus()] }), 'RecordLost'],
    [
      'a lone primary that is silent',
      aPairSeen({ members: [{ name: 'a', heard: 'NotHeard' }, aStandbyStatus()] }, { mode: 'Solo', sequence: 10 }),
      'PrimaryLost',
    ],
    [
      'a pair of which the operator says that nobody answers, whatever else still stands there',
      aPairSeen({ conditions: [nobodyAnswers] }),
      'MembersUnreachable',
    ],
    ['a paused pair', aPairSeen({}, {}, { paused: true }), 'Paused'],
    ['a record that is gone', aPairSeen({}, 'gone'), 'RecordLost'],
    ['a record that names a stranger', aPairSeen({}, { primary: 'x' }), 'RecordLost'],
    ['a record of an etcd, which nobody sees here', aPairSeen({}, 'gone', { arbiter: {} }), undefined],
    ['a pair that was never led', aPairSeen({ members: [] }, { mode: 'New', epoch: 0 }), 'NeverLed'],
    ['a pair that is alone', aPairSeen({}, { mode: 'Solo', sequence: 10 }), 'CopyingStandby'],
  ];
  for (const [behaviour, seen, reason] of rows) {
    test(behaviour, () => expect(explainFailover(pairFactsOf(seen)).blockedBy).toBe(reason));
  }
});

describe('what explain says', () => {
  test('of a pair that is well: who, how soon, and each fault', () => {
    const words = explanationInWords(explainPair(aPairSeen({ lastFailover, conditions: [zeroLoss('True')] }), alive));
    expect(words).toContain('if a died now, b would take over within about 0.26 s, and nothing would be lost.');
    expect(words).toMatch(/crash +b takes over.*About 0\.26 s/);
    expect(words).toMatch(/standby lost +a goes on alone after 300 ms/);
    expect(words).toContain('what the last take-over took');
    expect(words).not.toContain('Take care');
  });

  test('of a pair that would stand still: why, and what to do', () => {
    const seen = aPairSeen({ members: [aPrimaryStatus(), { name: 'b', heard: 'NotHeard' }] });
    const words = explanationInWords(explainPair(seen, alive));
    expect(words).toContain('nobody would take over (StandbyLost); nothing that was acknowledged would be lost while its disk is whole');
    expect(words).toMatch(/What to do:\n {2}- Start b/);
    expect(explanationAsJson(explainPair(seen, alive))).toMatchObject({
      ok: true,
      takesOver: false,
      blockedBy: 'StandbyLost',
      primary: 'a',
    });
  });

  test('of a pair whose primary is dead: first that nobody serves, then what to do and what it costs', () => {
    const members = [{ ...aPrimaryStatus(), heard: 'NotHeard' } as const, aStandbyStatus({ streaming: false })];
    const words = explanationInWords(explainPair(aPairSeen({ members }, { mode: 'Solo', sequence: 10 }), alive));
    expect(words).toMatch(/^pair-7 in hall-7: Nobody serves clients now.*Nobody takes over \(PrimaryLost\)\.\n/);
    expect(words).toContain('`hallctl pair adopt pair-7 -n hall-7 --primary b --accept-loss`');
    expect(words).not.toMatch(/if a died|What each fault|Wait for/);
  });

  test('of a primary that is silent, and whose standby may take over', () => {
    const members = [{ ...aPrimaryStatus(), heard: 'NotHeard' } as const, aStandbyStatus({ streaming: false })];
    expect(explanationInWords(explainPair(aPairSeen({ members }), alive))).toMatch(
      /^pair-7 in hall-7: a is not heard\. If it is dead, b takes over/,
    );
  });

  test('while the operator is away: that nothing is known, before everything else', () => {
    const away: OperatorSeen = { ...alive, agoMs: 320_000, stale: 'The operator does not renew its Lease.' };
    const explained = explainPair(aPairSeen(), away);
    expect(explanationInWords(explained)).toMatch(
      /^pair-7 in hall-7: NOT KNOWN, because the operator is not there\. When it last looked 5m ago: if a died.*\n\nTake care:\n {2}- The operator does not renew/,
    );
    expect(explanationAsJson(explained)).toMatchObject({ stale: true, operator: { seenSecondsAgo: 320 } });
    expect(statusInWords(aPairSeen(), away, nowMs)).toContain('TAKE CARE: The operator does not renew its Lease.');
    expect(statusAsJson(aPairSeen(), away)).toMatchObject({ stale: true });
    expect(explanationInWords(explainPair(aPairSeen(), alive))).toContain('Seen by the operator, which was alive 2s ago.');
  });

  test('while the operator has only just begun: that its status may be of the one before', () => {
    const begun: OperatorSeen = { ...alive, stale: 'The operator began 3s ago.', justBegun: true };
    const words = explanationInWords(explainPair(aPairSeen(), begun));
    expect(words).toMatch(
      /^pair-7 in hall-7: NOT KNOWN yet, because the operator has only just begun\. By what was told before: if a died/,
    );
    expect(words).toContain('The operator began 3s ago.');
    expect(words).not.toMatch(/it last looked|look at the operator and its log/);
  });

  test('while neither member answers: not that nobody takes over or serves, which cannot be seen', () => {
    const members = [
      { name: 'a', heard: 'NotHeard' },
      { name: 'b', heard: 'NotHeard' },
    ] as const;
    const words = explanationInWords(explainPair(aPairSeen({ members }), alive));
    expect(words).toMatch(/^pair-7 in hall-7: Neither member is heard.*Whether the pair is served is not known \(MembersUnreachable\)\.\n/);
  });

  test('of commits that do not wait for the standby: that they may be lost', () => {
    const lowered =
      'Commits of role reports do not wait for the standby and may be lost: synchronous_commit is lowered there, or the tables are not logged.';
    const message = `${lowered} Everything is well.`;
    const seen = aPairSeen({ conditions: [{ ...zeroLoss('True'), message }] });
    const explained = explainPair(seen, alive);
    expect(explained.doubts).toEqual([lowered]);
    expect(explanationInWords(explained)).toMatch(
      /^pair-7 in hall-7: if a died now, b would take over.*, and nothing would be lost but commits that do not wait for b\.\n/,
    );
    const silent = aPairSeen({
      ...seen.pair.status,
      members: [{ ...aPrimaryStatus(), heard: 'NotHeard' }, aStandbyStatus({ streaming: false })],
    });
    expect(explanationInWords(explainPair(silent, alive))).toContain('and nothing is lost but commits that do not wait for b.');
  });

  test('of an etcd’s record: not that it is up to date while the operator is away', () => {
    const away: OperatorSeen = { ...alive, agoMs: 320_000, stale: 'The operator does not renew its Lease.' };
    expect(statusInWords(aPairSeen(), away, nowMs)).toContain('may be out of date, but for the record.');
    expect(statusInWords(aPairSeen({}, 'gone', { arbiter: {} }), away, nowMs)).toContain('What follows may be out of date.\n');
  });

  describe('of a paused pair: who paused it, why, and which of the two ways ends that', () => {
    const marked = (spec: Partial<FailoverPair['spec']>, operations: readonly PairOperation[]): PairSeen => {
      const { pair, ...rest } = aPairSeen({}, {}, spec);
      const annotations = { 'hallkeeper.dev/paused-by': 'switch-pair-7' };
      return { ...rest, pair: { ...pair, metadata: { ...pair.metadata, annotations } }, operations };
    };
    const rows: readonly (readonly [string, PairSeen, RegExp, object])[] = [
      [
        'by its spec',
        aPairSeen({}, {}, { paused: true }),
        /by spec\.paused of the pair.*kubectl patch pair pair-7 -n hall-7/s,
        { by: 'spec.paused' },
      ],
      [
        'by an operation',
        marked({}, [operation({})]),
        /PairOperation switch-pair-7, made at .*, to begin by .*, with the reason ".+".*give `hallctl pair resume pair-7 -n hall-7`/s,
        { by: 'PairOperation', operation: 'switch-pair-7', reason: expect.any(String), notAfter: expect.any(String) },
      ],
      ['by one that is deleted', marked({}, []), /switch-pair-7, which is deleted by now/, { by: 'PairOperation' }],
      ['by both', marked({ paused: true }, []), /by spec\.paused.*and then give `hallctl pair resume/s, { by: 'spec.paused' }],
    ];
    test.each(rows)('%s', (_, seen, says, pause) => {
      expect(explanationInWords(explainPair(seen, alive))).toMatch(says);
      expect(statusInWords(seen, alive, nowMs)).toMatch(says);
      expect(explanationAsJson(explainPair(seen, alive))).toMatchObject({ pause });
      expect(statusAsJson(seen, alive)).toMatchObject({ pause });
    });
  });

  test('of facts that may be old', () => {
    const doubts = (seen: PairSeen): string => explainPair(seen, alive).doubts.join(' ');
    expect(doubts(aPairSeen({}, { sequence: 10 }))).toContain('may be seconds old');
    expect(doubts(aPairSeen({ conditions: [zeroLoss('False')] }))).toContain('still says False (StandbyStreaming)');
    expect(doubts(aPairSeen({ members: undefined as never }))).toContain('has not looked at this pair yet');
    expect(doubts(aPairSeen({ members: [aPrimaryStatus(), { name: 'b', role: 'Standby' }] }))).toContain('tells too little');
    expect(doubts(aPairSeen())).toBe('');
  });
});

describe('what status says', () => {
  const seen: PairSeen = {
    ...aPairSeen({
      lastFailover,
      conditions: [zeroLoss('True')],
      members: [aPrimaryStatus(), aStandbyStatus({ stuck: 'its replay stands still' })],
    }),
    operations: [
      operation({
        conditions: [{ type: 'Failed', status: 'True', reason: 'Refused', message: 'the pair is paused', lastTransitionTime: 't' }],
      }),
    ],
  };

  test('in words', () => {
    const words = statusInWords(seen, alive, nowMs);
    for (const part of [
      'pair-7 in hall-7: mode Sync, epoch 3, primary a (10.20.0.11), standby b (10.20.0.12)',
      'record: Sync, sequence 9, by operator: Created',
      'b could not be promoted: its replay stands still',
      'Last failover: epoch 3, b → a, ProcessDeath, 2026-01-02T03:00:00Z; 0.25 s without an acknowledged write (detect 0.10 s',
    ]) {
      expect(words).toContain(part);
    }
    expect(words).toMatch(/^a +Primary +Directly +Running +Complete +yes +- +yes +Peer +4m +leading; commits wait for the peer$/m);
    expect(words).toMatch(/^switch-pair-7 +Switchover +b +Refused +60s +the pair is paused$/m);
  });

  test('with the phases in the order in which they happen', () => {
    const phases = { decide: 8, detect: 103, fence: 26, open: 76, promote: 47, route: 0 };
    expect(statusInWords(aPairSeen({ lastFailover: { ...lastFailover, phases } }), alive, nowMs)).toMatch(
      /\(detect 0.10 s, decide 0.01 s, fence 0.03 s, promote 0.05 s, open 0.08 s, route 0.00 s\)/,
    );
  });

  test('of a silent member: nothing that it was before as if it still were', () => {
    const words = statusInWords(aPairSeen({ members: [{ ...aPrimaryStatus(), heard: 'NotHeard' }, aStandbyStatus()] }), alive, nowMs);
    expect(words).toMatch(/^a +\? +NotHeard +\? +\? +\? +\? +\? +\? +- +heard last at: leading.*, which it began 4m ago$/m);
  });

  test('of a record that was written anew: who was made to lead, and that it led before where nobody else is named', () => {
    const adopted = { epoch: 5, reason: 'Adopted', to: 'b', completedAt: '2026-01-02T03:04:00Z' } as const;
    expect(statusInWords(aPairSeen({ lastFailover: { ...adopted, from: 'a' } }), alive, nowMs)).toContain('epoch 5, a → b, Adopted');
    expect(statusInWords(aPairSeen({ lastFailover: adopted }), alive, nowMs)).toContain('epoch 5, b leads on, Adopted');
  });

  test('as JSON', () => {
    expect(JSON.parse(JSON.stringify(statusAsJson(seen, alive)))).toMatchObject({
      ok: true,
      pair: 'pair-7',
      mode: 'Sync',
      members: [{ name: 'a' }, { name: 'b' }],
      record: { sequence: 9 },
      operations: [{ name: 'switch-pair-7', state: 'Refused', says: 'the pair is paused' }],
    });
  });

  test('of a record that is gone, and of a pair that nobody has looked at', () => {
    expect(statusInWords(aPairSeen({}, 'gone'), alive, nowMs)).toContain('record: GONE');
    const { pair } = aPairSeen();
    const fresh: PairSeen = { pair: { ...pair, status: {} }, record: undefined, operations: [] };
    expect(statusInWords(fresh, alive, nowMs)).toContain('not seen by the operator yet');
  });
});

test('ages and durations as people read them', () => {
  expect(
    ['2026-01-02T03:04:00Z', '2026-01-02T03:00:00Z', '2026-01-01T00:00:00Z', '2025-01-01T00:00:00Z', 'x', undefined].map((at) =>
      ageOf(at, nowMs),
    ),
  ).toEqual(['5s', '4m', '27h', '366d', '-', '-']);
  expect([251, 1_250, 12_500].map(secondsOf)).toEqual(['0.25 s', '1.3 s', '13 s']);
  expect(
    tableOf([
      ['A', 'B'],
      ['long', 'x'],
    ]),
  ).toBe('A     B\nlong  x');
});
