import { expect, test } from 'vitest';
import type { PairOperation, PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { decideOperation } from './decide-operation.ts';
import type { OperatedMember, OperationView } from './operation-view.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const ago = (seconds: number): string => new Date(nowMs - seconds * 1_000).toISOString();

function anOperation(spec: Partial<PairOperation['spec']> = {}, status?: PairOperationStatus): PairOperation {
  return {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'PairOperation',
    metadata: { ...aStoredPair().metadata, name: 'op', uid: 'op-uid' },
    spec: {
      pairRef: { name: 'pair-7' },
      type: 'Switchover',
      member: 'b',
      notAfter: ago(-900),
      reason: 'r',
      ttlAfterFinished: '720h',
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

const member = (name: string, change: Partial<OperatedMember> = {}, says: Parameters<typeof aMemberStatus>[0] = {}): OperatedMember => ({
  name,
  asked: true,
  status: aMemberStatus({ member: name, settingsRevision: 'r1', ...says }),
  held: { revision: 'r1', paused: false },
  ...change,
});

const members = (a: Parameters<typeof aMemberStatus>[0] = {}, b: Parameters<typeof aMemberStatus>[0] = {}) => [
  member('a', {}, a),
  member('b', {}, b),
];
const paused = (revision = 'r1') => ['a', 'b'].map((name) => member(name, { held: { revision, paused: true } }));
const started = (seconds: number, message = 'from a in epoch 3'): PairOperationStatus => ({
  startedAt: ago(seconds),
  steps: [{ name: 'Begin', message }],
});
const finished = (seconds: number): PairOperationStatus => ({
  startedAt: ago(seconds),
  completedAt: ago(seconds),
  conditions: [{ type: 'Complete', status: 'True', reason: 'Done', message: 'm', lastTransitionTime: ago(seconds) }],
});
const marked = aStoredPair({ metadata: { annotations: { 'hallkeeper.dev/paused-by': 'op' } } });
const report = {
  epoch: 4,
  reason: 'switchover',
  why: 'w',
  from: 'a',
  to: 'b',
  startedAt: ago(1),
  completedAt: ago(1),
  phasesMs: { detect: 1, decide: 1, fence: 1, promote: 1, open: 1, route: 1 },
  outageMs: 5,
  positionAtClaim: '0/1',
};
const led = (changedAgo: number) => aStoredRecord({ mode: 'Solo', primary: 'b', epoch: 4, changedAt: ago(changedAgo) });

/** An operation without a member has none: the default of the builder is left out. */
const without = ({ spec: { member: _member, ...spec }, ...rest }: PairOperation): PairOperation => ({ ...rest, spec });
const aDrill = (status?: PairOperationStatus): PairOperation => without(anOperation({ type: 'KillPrimary' }, status));
const aCopy = (status?: PairOperationStatus, member = 'b'): PairOperation => anOperation({ type: 'Reinitialize', member }, status);
const zeroLoss = (status: 'True' | 'False' | 'Unknown', reason: string, message = '') => ({
  type: 'ZeroLossFailoverPossible',
  status,
  reason,
  message,
  lastTransitionTime: ago(100),
});
const ready = aStoredPair({ status: { conditions: [zeroLoss('True', 'StandbyStreaming')] } });
const copied = members({}, { operations: [{ id: 'op-uid', what: 'reinitialise', state: 'done', why: 'the new copy streams' }] });

interface Row {
  readonly behaviour: string;
  readonly view: Partial<OperationView>;
  readonly does: object;
}

const rows: readonly Row[] = [
  { behaviour: 'in Sync with all well it starts', view: {}, does: { do: 'start', note: 'from a in epoch 3' } },
  {
    behaviour: 'too late it does nothing',
    view: { operation: anOperation({ notAfter: ago(1) }) },
    does: { do: 'fail', reason: 'Expired' },
  },
  { behaviour: 'without its pair it waits', view: { pair: undefined }, does: { do: 'wait' } },
  {
    behaviour: 'behind another one it waits',
    view: { before: ['first'] },
    does: { do: 'wait', why: 'first came first and is not finished' },
  },
  {
    behaviour: 'a pair on its way out is left alone',
    view: { pair: aStoredPair({ metadata: { deletionTimestamp: ago(1) } }) },
    does: { do: 'fail', reason: 'Refused' },
  },
  {
    behaviour: 'a stranger cannot lead',
    view: { operation: anOperation({ member: 'x' }) },
    does: { do: 'fail', reason: 'Refused', why: 'the pair has the members a and b, not x' },
  },
  {
    behaviour: 'who leads already does not take over',
    view: { operation: anOperation({ member: 'a' }) },
    does: { do: 'fail', why: 'a is the primary already' },
  },
  {
    behaviour: 'alone there is nobody to switch to',
    view: { record: aStoredRecord({ mode: 'Solo' }) },
    does: { do: 'fail', why: 'the pair is in mode Solo: only in Sync does b have everything' },
  },
  {
    behaviour: 'a claim under way is not disturbed',
    view: { record: aStoredRecord({ mode: 'Claim', primary: 'b', epoch: 4 }) },
    does: { do: 'fail', reason: 'Refused' },
  },
  { behaviour: 'a paused pair stays', view: { pair: marked }, does: { do: 'fail', why: 'the pair is paused: resume it first' } },
  {
    behaviour: 'a pair paused by its spec stays',
    view: { pair: aStoredPair({ spec: { paused: true } }) },
    does: { do: 'fail', reason: 'Refused' },
  },
  {
    behaviour: 'a silent member refuses it',
    view: { members: [member('a'), member('b', { status: undefined })] },
    does: { do: 'fail', why: 'the operator does not reach b' },
  },
  {
    behaviour: 'a member that a new leader has not asked yet is no silent one',
    view: { members: [member('a'), member('b', { asked: false, status: undefined })] },
    does: { do: 'wait', why: 'not asked yet: b', againMs: 1_000 },
  },
  {
    behaviour: 'and not asked until it was too late, it expires',
    view: { operation: anOperation({ notAfter: ago(1) }), members: [member('b', { asked: false, status: undefined })] },
    does: { do: 'fail', reason: 'Expired' },
  },
  {
    behaviour: 'a member without arbiter refuses it',
    view: { members: members({}, { arbiterReached: false }) },
    does: { do: 'fail', why: 'the arbiter is not reached by b' },
  },
  {
    behaviour: 'what blocks the primary refuses it',
    view: { members: members({ blockedBy: 'the disk is slow' }) },
    does: { do: 'fail', why: 'the disk is slow' },
  },
  { behaviour: 'without record nobody knows who leads', view: { record: undefined }, does: { do: 'fail', reason: 'Refused' } },

  {
    behaviour: 'once begun the primary is asked',
    view: { operation: anOperation({}, started(1)) },
    does: { do: 'ask', what: 'switchover', member: 'a', epoch: 3 },
  },
  { behaviour: 'begun, it goes on past notAfter', view: { operation: anOperation({ notAfter: ago(1) }, started(2)) }, does: { do: 'ask' } },
  {
    behaviour: 'it is not asked again when it may have been forgotten',
    view: { operation: anOperation({}, started(21)) },
    does: { do: 'run', why: 'the primary was asked' },
  },
  {
    behaviour: 'what runs is told',
    view: {
      operation: anOperation({}, started(21)),
      members: members({ operations: [{ id: 'op-uid', what: 'switchover', state: 'running', why: 'checkpointing' }] }),
    },
    does: { do: 'run', why: 'the primary says: checkpointing' },
  },
  {
    behaviour: 'the word about another one is not for us',
    view: {
      operation: anOperation({}, started(1)),
      members: members({ operations: [{ id: 'x', what: 'switchover', state: 'refused', why: 'no' }] }),
    },
    does: { do: 'ask' },
  },
  {
    behaviour: 'refused by the primary it is over',
    view: {
      operation: anOperation({}, started(1)),
      members: members({ operations: [{ id: 'op-uid', what: 'switchover', state: 'refused', why: 'not in sync' }] }),
    },
    does: { do: 'fail', reason: 'Refused', why: 'not in sync' },
  },
  {
    behaviour: 'the claim is not the end',
    view: { operation: anOperation({}, started(1)), record: aStoredRecord({ mode: 'Claim', primary: 'b', epoch: 4 }) },
    does: { do: 'run' },
  },
  {
    behaviour: 'the report is awaited',
    view: { operation: anOperation({}, started(3)), record: led(1) },
    does: { do: 'run', why: 'b leads; its report is awaited' },
  },
  {
    behaviour: 'with the report it is done',
    view: { operation: anOperation({}, started(3)), record: led(1), members: members({}, { failovers: [report] }) },
    does: { do: 'complete', report },
  },
  {
    behaviour: 'without one it is done all the same',
    view: { operation: anOperation({}, started(30)), record: led(20) },
    does: { do: 'complete', why: 'b leads in epoch 4' },
  },
  {
    behaviour: 'taken back, it was aborted',
    view: { operation: anOperation({}, started(9)), record: aStoredRecord({ mode: 'Solo', primary: 'a', epoch: 5 }) },
    does: { do: 'fail', reason: 'Aborted' },
  },
  {
    behaviour: 'without an end it is given up',
    view: { operation: anOperation({}, started(121)) },
    does: { do: 'fail', reason: 'Aborted' },
  },
  {
    behaviour: 'a status that somebody bent is not believed',
    view: { operation: anOperation({}, started(1, 'x')) },
    does: { do: 'fail', reason: 'Aborted' },
  },

  {
    behaviour: 'begun and failed at the primary, it was aborted',
    view: {
      operation: anOperation({}, started(1)),
      members: members({ operations: [{ id: 'op-uid', what: 'switchover', state: 'failed', why: 'no claim' }] }),
    },
    does: { do: 'fail', reason: 'Aborted', why: 'no claim' },
  },
  {
    behaviour: 'the end tells the measured outage, and by positions that nothing is lost',
    view: {
      operation: anOperation({}, started(3)),
      record: led(1),
      members: members({}, { failovers: [{ ...report, positionAcknowledged: '0/1', positionAtOpen: '0/2' }] }),
    },
    does: {
      why: 'b leads in epoch 4; 5 ms without an acknowledged write; acknowledged up to 0/1, claimed at 0/1, open at 0/2',
    },
  },

  { behaviour: 'a drill starts while a failover loses nothing', view: { operation: aDrill(), pair: ready }, does: { do: 'start' } },
  {
    behaviour: 'a drill is refused while a failover could lose something, in the words of the pair',
    view: { operation: aDrill(), pair: aStoredPair({ status: { conditions: [zeroLoss('False', 'DiskFull', 'make room')] } }) },
    does: { do: 'fail', reason: 'Refused', why: expect.stringContaining('DiskFull: make room') as string },
  },
  {
    behaviour: 'and while that is not known',
    view: { operation: aDrill(), pair: aStoredPair({ status: { conditions: [zeroLoss('Unknown', 'MembersUnreachable', 'm')] } }) },
    does: { do: 'fail', reason: 'Refused' },
  },
  {
    behaviour: 'and when nobody said so yet',
    view: { operation: aDrill() },
    does: { do: 'fail', reason: 'Refused', why: 'nobody has said yet that a failover loses nothing' },
  },
  {
    behaviour: 'and whatever the status says, while the record says otherwise',
    view: { operation: aDrill(), pair: ready, record: aStoredRecord({ mode: 'Solo' }) },
    does: { do: 'fail', why: 'the pair is in mode Solo: only in Sync does b have everything' },
  },
  {
    behaviour: 'the primary is asked to be killed, in this epoch only',
    view: { operation: aDrill(started(1)), pair: ready },
    does: { do: 'ask', what: 'kill', member: 'a', epoch: 3 },
  },
  {
    behaviour: 'a drill has its report, too',
    view: { operation: aDrill(started(3)), record: led(1), members: members({}, { failovers: [report] }) },
    does: { do: 'complete', report },
  },
  {
    behaviour: 'a drill after which the killed one leads again was no take-over',
    view: { operation: aDrill(started(9)), record: aStoredRecord({ mode: 'Solo', primary: 'a', epoch: 5 }) },
    does: { do: 'fail', reason: 'Aborted' },
  },

  { behaviour: 'a standby may be copied anew', view: { operation: aCopy() }, does: { do: 'start', note: 'from a in epoch 3' } },
  {
    behaviour: 'also one that is not waited for',
    view: { operation: aCopy(), record: aStoredRecord({ mode: 'Solo' }) },
    does: { do: 'start' },
  },
  {
    behaviour: 'also of a paused pair',
    view: { operation: aCopy(), pair: marked },
    does: { do: 'start' },
  },
  {
    behaviour: 'the primary is not',
    view: { operation: aCopy(undefined, 'a') },
    does: { do: 'fail', reason: 'Refused', why: 'a leads: only a standby is copied anew; switch over first' },
  },
  {
    behaviour: 'nor a stranger',
    view: { operation: aCopy(undefined, 'x') },
    does: { do: 'fail', reason: 'Refused', why: 'the pair has the members a and b, not x' },
  },
  {
    behaviour: 'nor anybody during a claim',
    view: { operation: aCopy(), record: aStoredRecord({ mode: 'Claim', primary: 'b', epoch: 4 }) },
    does: { do: 'fail', reason: 'Refused', why: 'the pair is in mode Claim: nobody leads who could be copied' },
  },
  {
    behaviour: 'where writes wait for two copies by choice they would wait for all the copy',
    view: { operation: aCopy(), pair: aStoredPair({ spec: { whenStandbyLost: 'Block' } }) },
    does: { do: 'fail', reason: 'Refused', why: expect.stringContaining('set it to Continue') as string },
  },
  {
    behaviour: 'where they wait already it helps',
    view: { operation: aCopy(), pair: aStoredPair({ spec: { whenStandbyLost: 'Block' } }), record: aStoredRecord({ mode: 'Solo' }) },
    does: { do: 'start' },
  },
  {
    behaviour: 'without the primary in reach it is refused',
    view: { operation: aCopy(), members: [member('a', { status: undefined }), member('b')] },
    does: { do: 'fail', reason: 'Refused', why: 'the operator does not reach a' },
  },
  {
    behaviour: 'the standby is asked',
    view: { operation: aCopy(started(1)) },
    does: { do: 'ask', what: 'reinitialise', member: 'b', epoch: 3 },
  },
  {
    behaviour: 'its progress is told in steps of ten percent',
    view: {
      operation: aCopy(started(600)),
      members: members({}, { step: 'rejoin 37 %', operations: [{ id: 'op-uid', what: 'reinitialise', state: 'running', why: '-' }] }),
    },
    does: { do: 'run', step: 'Copy', why: 'b: rejoin 30 %' },
  },
  {
    behaviour: 'a member out of reach may still copy',
    view: { operation: aCopy(started(3_600)), members: [member('a'), member('b', { status: undefined })] },
    does: { do: 'run', step: 'Copy', why: 'the operator does not reach b' },
  },
  {
    behaviour: 'copied, it is over when writes are on both members again',
    view: { operation: aCopy(started(60)), record: aStoredRecord({ mode: 'Solo' }), members: copied },
    does: { do: 'run', step: 'Admission' },
  },
  {
    behaviour: 'and then it is done',
    view: { operation: aCopy(started(60)), members: copied },
    does: { do: 'complete', why: 'b has a new copy, and is waited for again' },
  },
  {
    behaviour: 'a primary that was lost meanwhile and taken back holds up no copy that streams',
    view: { operation: aCopy(started(60)), record: aStoredRecord({ mode: 'Solo', epoch: 5 }), members: copied },
    does: { do: 'complete', why: 'b has a new copy, and streams' },
  },
  {
    behaviour: 'refused by the standby it is over',
    view: {
      operation: aCopy(started(1)),
      members: members({}, { operations: [{ id: 'op-uid', what: 'reinitialise', state: 'refused', why: 'this member leads' }] }),
    },
    does: { do: 'fail', reason: 'Refused', why: 'this member leads' },
  },
  {
    behaviour: 'begun and not ended well it was aborted',
    view: {
      operation: aCopy(started(60)),
      members: members({}, { operations: [{ id: 'op-uid', what: 'reinitialise', state: 'failed', why: 'not let go' }] }),
    },
    does: { do: 'fail', reason: 'Aborted', why: 'not let go' },
  },
  {
    behaviour: 'asked and not heard of again for a moment it is waited for',
    view: { operation: aCopy(started(21)) },
    does: { do: 'run', step: 'Copy', why: 'b was asked' },
  },
  {
    behaviour: 'asked and never heard of it is given up',
    view: { operation: aCopy(started(61)) },
    does: { do: 'fail', reason: 'Aborted' },
  },
  {
    behaviour: 'after a day it is given up',
    view: { operation: aCopy(started(86_401)), members: [member('a'), member('b', { status: undefined })] },
    does: { do: 'fail', reason: 'Aborted' },
  },
  {
    behaviour: 'of a status that somebody bent nothing is copied',
    view: { operation: aCopy(started(1, 'x')) },
    does: { do: 'fail', reason: 'Aborted' },
  },

  { behaviour: 'a pause starts', view: { operation: anOperation({ type: 'Pause' }) }, does: { do: 'start' } },
  {
    behaviour: 'then the pair is marked',
    view: { operation: anOperation({ type: 'Pause' }, started(1)) },
    does: { do: 'mark', paused: true },
  },
  {
    behaviour: 'then both members take it',
    view: { operation: anOperation({ type: 'Pause' }, started(1)), pair: marked },
    does: { do: 'run', why: 'not confirmed yet by a and b' },
  },
  {
    behaviour: 'it is done when both have it',
    view: { operation: anOperation({ type: 'Pause' }, started(1)), pair: marked, members: paused() },
    does: { do: 'complete', why: 'both members make no failover' },
  },
  {
    behaviour: 'settings that are held and not taken do not count',
    view: { operation: anOperation({ type: 'Pause' }, started(1)), pair: marked, members: paused('r2') },
    does: { do: 'run' },
  },
  {
    behaviour: 'a member that does not confirm ends it',
    view: { operation: anOperation({ type: 'Pause' }, started(121)), pair: marked, members: paused('r2') },
    does: { do: 'fail', reason: 'Aborted' },
  },
  {
    behaviour: 'a resume takes the mark off',
    view: { operation: anOperation({ type: 'Resume' }, started(1)), pair: marked },
    does: { do: 'mark', paused: false },
  },
  {
    behaviour: 'and is done when both have it',
    view: { operation: anOperation({ type: 'Resume' }, started(1)) },
    does: { do: 'complete' },
  },
  {
    behaviour: 'a resume does not change a spec',
    view: { operation: anOperation({ type: 'Resume' }), pair: aStoredPair({ spec: { paused: true } }) },
    does: { do: 'fail', reason: 'Refused' },
  },
  {
    behaviour: 'a pair that vanished ends it',
    view: { operation: anOperation({ type: 'Pause' }, started(1)), pair: undefined },
    does: { do: 'fail', reason: 'Aborted' },
  },

  {
    behaviour: 'finished, it is kept for its time',
    view: { operation: anOperation({ ttlAfterFinished: '1h' }, finished(3_599)) },
    does: { do: 'wait', againMs: 1_000 },
  },
  { behaviour: 'then it goes', view: { operation: anOperation({ ttlAfterFinished: '1h' }, finished(3_600)) }, does: { do: 'remove' } },
];

for (const { behaviour, view, does } of rows) {
  test(behaviour, () => {
    const whole: OperationView = {
      operation: anOperation(),
      pair: aStoredPair(),
      record: aStoredRecord(),
      members: members(),
      before: [],
      nowMs,
      ...view,
    };
    expect(decideOperation(whole)).toMatchObject(does);
  });
}

test('a finished operation is never begun again, whatever the world looks like', () => {
  for (const pair of [aStoredPair(), marked, undefined]) {
    for (const record of [aStoredRecord(), led(1), undefined]) {
      const view = { operation: anOperation({}, finished(5)), pair, record, members: members(), before: [], nowMs };
      expect(decideOperation(view).do).toBe('wait');
    }
  }
});
