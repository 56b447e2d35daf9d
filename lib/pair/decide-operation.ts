import { canAdmit, mayAdmit, mustLeaveAdmission } from './admission.ts';
import { awakeMs, isUnseen, lastingMs, recordOf } from './member-state.ts';
import type { MemberState, Operation } from './member-state.ts';
import { isCutShort, isListening, isStandbyStarting, replayHeard } from './own-log.ts';
import type { LogPlace, PairRecord } from './pair-record.ts';

/** What to do with the own PostgreSQL next. `none` says what is waited for; it becomes the member's step in the pair's status. */
export type OperationDecision =
  { readonly do: 'none' | 'settleFirst'; readonly why: string } | { readonly do: 'run'; readonly what: Operation; readonly why: string };

/** How long a settlement allows the destruction of own data to begin. */
const settledFreshMs = 1_000;

const none = (why: string): OperationDecision => ({ do: 'none', why });
const run = (what: Operation, why: string): OperationDecision => ({ do: 'run', what, why });

/**
 * The lane of PostgreSQL: one operation at a time, and the role follows the record in both directions (rule 5).
 * A deposed primary is killed even before our own requests are settled; everything else waits for that (rule 2).
 */
export function decideOperation(state: MemberState): OperationDecision {
  const record = recordOf(state);
  if (state.arbiter.frozen !== undefined) return none(`frozen: ${state.arbiter.frozen}`);
  if (state.arbiter.vacant) return none('waiting until both members confirm that they hold no data');
  if (record === undefined) return none('the record is not known yet');
  const { postgres } = state;
  const mine = record.primary === state.self;
  const runsAsPrimary = postgres.process === 'running' && postgres.role === 'primary';
  const takesBack = record.mode === 'claim' && (state.provenBehindGate || isStartingBehindGate(state));
  if (runsAsPrimary && !mine && !takesBack) return run({ do: 'kill' }, 'deposed: the record names the other member');
  if (state.operation !== undefined) return none('an operation is under way');
  // While a change is on its way nothing is loosened: it may be carried out even when its answer never comes.
  if (!state.arbiter.settled || state.arbiter.request?.kind === 'swap')
    return none('an own request to the arbiter may still be carried out');
  if (awakeMs(state) < state.operationRetryAtMs) return none('waiting before the next attempt');
  if (record.systemIdentifier !== undefined && postgres.data === 'complete' && postgres.systemIdentifier !== record.systemIdentifier) {
    return none(
      `the data here belongs to another pair: system identifier ${String(postgres.systemIdentifier)}, recorded ${record.systemIdentifier}`,
    );
  }
  switch (record.mode) {
    case 'new':
      return none('waiting until both members confirm that they hold no data');
    case 'solo':
      return mine ? leadAlone(state, record) : followSole(state);
    case 'sync':
      return mine ? leadTogether(state) : followTogether(state);
    case 'claim':
      return mine ? takeOver(state) : standDeposed(state);
  }
}

/** Only a start that was decided on for taking back stands behind the gate; any other server of a deposed member is killed. */
function isStartingBehindGate({ operation }: MemberState): boolean {
  return operation?.what.do === 'startPrimary' && operation.what.names === 'gate' && !operation.aborted;
}

function leadAlone(state: MemberState, record: PairRecord): OperationDecision {
  const { postgres } = state;
  // Without a second copy nothing is acknowledged where a person chose so; the standby is still copied and admitted.
  const names = state.whenStandbyLost === 'block' ? 'gate' : 'none';
  if (postgres.process === 'down') {
    if (postgres.data === 'complete') return run({ do: 'startPrimary', names }, 'the record says that this member leads alone');
    if (record.systemIdentifier === undefined) return run({ do: 'initialise' }, 'first start from empty');
    return none('this member leads by the record, but its data has no proof of completeness: a person must decide');
  }
  if (isUnseen(state)) return none('PostgreSQL has not answered yet');
  if (postgres.role === 'standby') return run({ do: 'becomePrimary', names }, 'the record says that this member leads alone');
  if (record.systemIdentifier === undefined) return none('the data is being named in the record');
  if (postgres.names !== names) {
    if (state.admitted && canAdmit(state)) return none('the admission is being recorded');
    return run({ do: 'setNames', names }, names === 'gate' ? 'writes wait for two copies by choice' : 'no standby is waited for');
  }
  if (!canAdmit(state)) return none('no standby streams');
  return mayAdmit(state)
    ? run({ do: 'admit' }, 'the standby streams')
    : none('the standby was lost again and again: pausing before it is waited for');
}

function leadTogether(state: MemberState): OperationDecision {
  const { postgres, handover, limits } = state;
  const now = awakeMs(state);
  if (isCutShort(state)) return giveUp(state);
  if (postgres.process === 'down') {
    if (postgres.data !== 'complete')
      return none('this member leads by the record, but its data has no proof of completeness: the standby will claim');
    if (handover !== undefined) return none('waiting for the standby to claim');
    if (state.diedMs !== undefined && now - state.diedMs < limits.restartAfterMs)
      return none('PostgreSQL died: the standby may claim first');
    if (isListening(state)) return none('listening for what the standby has of the log');
    if (isStandbyStarting(state)) return none('the standby is being started, and may have more of the log');
    return run({ do: 'startPrimary', names: 'peer', ...replayHeard(state) }, 'the record says that this member leads with its peer');
  }
  if (isUnseen(state)) return none('PostgreSQL has not answered yet');
  if (postgres.role === 'standby')
    return run({ do: 'becomePrimary', names: 'peer' }, 'the record says that this member leads with its peer');
  if (postgres.names !== 'peer') return run({ do: 'setNames', names: 'peer' }, 'the record says that commits wait for the peer');
  if (handover?.stage === 'checkpointing') return run({ do: 'checkpoint' }, 'a switchover was asked for');
  if (handover?.stage === 'stopping') return run({ do: 'handOver' }, 'a switchover was asked for');
  return none('leading; commits wait for the peer');
}

function takeOver(state: MemberState): OperationDecision {
  const { postgres } = state;
  if (postgres.data !== 'complete') return none('this member claims by the record, but its data has no proof of completeness');
  if (postgres.process === 'down') return run({ do: 'startStandby', upstream: false }, 'to finish the claim');
  if (postgres.role === 'standby') {
    if (postgres.upstream || postgres.streaming) return run({ do: 'fence' }, 'nothing more is acknowledged through this member');
    return run({ do: 'promote' }, 'the claim was won');
  }
  if (postgres.names !== 'gate') return run({ do: 'setNames', names: 'gate' }, 'a claimant acknowledges nothing');
  return none(
    endsEarly(state)
      ? 'promoted, and lacks what was acknowledged: the other member must take the lead back'
      : 'promoted; the claim is being opened',
  );
}

/**
 * The promotion left out what was acknowledged: the log that was received cannot be read to its end. PostgreSQL says nothing of it, for
 * a record that is damaged and the end of the log look alike to it. This member then opens nothing: the other one has everything.
 */
export function endsEarly(state: MemberState): boolean {
  const record = recordOf(state);
  const { postgres, peerView } = state;
  if (record?.mode !== 'claim' || record.primary !== state.self) return false;
  if (postgres.role !== 'primary') return false;
  const lacks = (told: LogPlace | undefined): boolean =>
    told !== undefined &&
    told.timeline !== postgres.timeline &&
    !postgres.left.some((end) => end.timeline === told.timeline && end.lsn > told.lsn);
  // The agent may have started anew since it claimed, and the record may be older than what was heard last.
  return lacks(peerView.committed) || lacks(record.acknowledged);
}

function followTogether(state: MemberState): OperationDecision {
  const { postgres } = state;
  if (postgres.data !== 'complete') return none('own data incomplete: waiting until the primary leads alone, then it is copied');
  if (postgres.process === 'down') return run({ do: 'startStandby', upstream: true }, 'the record says that this member is the standby');
  if (!postgres.upstream) return run({ do: 'follow' }, 'the record says that this member is the standby');
  return none(postgres.streaming ? 'streaming' : 'waiting for the stream');
}

function followSole(state: MemberState): OperationDecision {
  const { postgres, peerView, limits } = state;
  const now = awakeMs(state);
  const { heartbeat } = peerView;
  const primaryRuns = now - peerView.heardMs < limits.suspectAfterMs && heartbeat?.postgres === 'running' && heartbeat.role === 'primary';
  const asked = state.reinitialisation?.stage === 'leaving' ? state.reinitialisation : undefined;
  if (asked !== undefined && postgres.data === 'complete') {
    if (asked.letGoMs === undefined) return none('to be copied anew: waiting until the primary lets this member go');
    if (!primaryRuns) return none('waiting for the primary');
    // An admission that the primary asked for before it let us go may still be carried out, unless we settle after its word.
    const settledSince = state.arbiter.settledMs > asked.letGoMs && state.lastEventMs - state.arbiter.settledMs <= settledFreshMs;
    if (!settledSince) return { do: 'settleFirst', why: 'before own data is replaced' };
    return run({ do: 'rejoin', anew: true }, 'asked to be copied anew');
  }
  if (postgres.process === 'running') {
    if (!postgres.upstream) return run({ do: 'follow' }, 'the record says that this member is the standby');
    if (postgres.streaming) {
      if (postgres.data === 'complete') return none('streaming; waiting to be admitted');
      return postgres.consistent ? run({ do: 'prove' }, 'the copy streams and is consistent') : none('replaying to a consistent point');
    }
    const detachedMs = lastingMs(state, state.detachedSinceMs);
    if (!postgres.consistent && detachedMs < limits.replayFileWithinMs) return none('replaying to a consistent point');
    if (detachedMs < limits.attachWithinMs) return none('waiting for the stream');
  }
  // Rewinding or deleting needs the primary as its source: without it the data stays as it is.
  if (!primaryRuns) return none('waiting for the primary');
  // What is destroyed here may be one of two copies under a record that has moved on since we read it (rule 4).
  // Time in which this process slept counts here: the record moved on without us.
  if (state.lastEventMs - state.arbiter.settledMs > settledFreshMs)
    return { do: 'settleFirst', why: 'before own data may be rewound or replaced' };
  return run({ do: 'rejoin' }, 'the record says that this member is the standby');
}

/** The other member has everything; this one must neither go on alone nor be streamed from. */
function giveUp({ postgres }: MemberState): OperationDecision {
  const why = 'the own log ends before that of the other member';
  return postgres.process === 'running' ? run({ do: 'kill' }, why) : none(`${why}: the other one must lead`);
}

/** Deposed and the claim not opened: attach to nobody, delete nothing, and take back when the claimant gives no sign of getting on. */
function standDeposed(state: MemberState): OperationDecision {
  const { postgres } = state;
  if (isCutShort(state)) return giveUp(state);
  if (postgres.process === 'running' && postgres.role === 'standby') {
    return postgres.upstream ? run({ do: 'fence' }, 'a claim stands: attach to nobody') : none('waiting for the claim to be opened');
  }
  if (postgres.process === 'running') return none('behind the gate; the claim is being taken back');
  if (postgres.data !== 'complete') return none('waiting for the claim to be opened');
  return isClaimStuck(state)
    ? run({ do: 'startPrimary', names: 'gate', ...replayHeard(state) }, 'the claimant was not heard or made no progress')
    : none('waiting for the claim to be opened');
}

/** Whether the claimant was not heard, or its replay stood still, for the whole limit since we saw the claim. */
export function isClaimStuck(state: MemberState): boolean {
  const since = state.claimSeenMs;
  if (since === undefined) return false;
  const now = awakeMs(state);
  const limit = state.limits.takeBackAfterMs;
  const silentMs = now - Math.max(since, state.peerView.heardMs);
  const stillMs = now - Math.max(since, state.peerView.replayMovedMs);
  return silentMs >= limit || stillMs >= limit;
}

/** Whether the operation under way has become pointless or harmful and is to be aborted. */
export function mustAbort(state: MemberState, nowUnder: string): boolean {
  const { operation } = state;
  if (operation === undefined || operation.aborted) return false;
  if (operation.what.do === 'kill') return false;
  if (operation.what.do === 'admit' && mustLeaveAdmission(state)) return true;
  if (operation.what.do === 'checkpoint' && state.handover === undefined) return true;
  return operation.under !== nowUnder;
}
