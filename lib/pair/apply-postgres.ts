import { unreachable } from '#lib/base/invariant.ts';
import { doubledMs } from '#lib/base/retry.ts';
import { lost } from './admission.ts';
import type { MemberEffect, OperationOutcome } from './events.ts';
import { awakeMs, recordOf } from './member-state.ts';
import type { LocalPostgres, MemberState, Operation, RunningOperation, Takeover } from './member-state.ts';
import { proven, suspicionAfter } from './own-log.ts';

/** Between attempts after a failed operation: the first, doubled up to the last. */
const operationRetry = { firstMs: 100, maxMs: 5_000 } as const;

/** What begins so soon after it ended well was begun again at once. */
const repeatedWithinMs = 1_000;

/**
 * A stream that stands for so long is no attempt any more. PostgreSQL's receiver calls itself streaming as well while it waits for a
 * source that has not come as far as itself, until wal_receiver_timeout, 2 s, and then begins again: this must be longer.
 */
const streamSettledMs = 3_000;

/** Takes a new picture of the own PostgreSQL into the state, and notes what moved and since when what is gone. */
export function applyPostgres(state: MemberState, seen: LocalPostgres): MemberState {
  const now = awakeMs(state);
  const before = state.postgres;
  const leads = seen.process === 'running' && seen.role === 'primary' && seen.names !== 'unknown';
  const streamingSinceMs = seen.streaming ? (state.streamingSinceMs ?? now) : undefined;
  const settled = streamingSinceMs !== undefined && now - streamingSinceMs >= streamSettledMs;
  const replayIdle = seen.process === 'down' || seen.role === 'primary' || seen.replay >= seen.flush || seen.replay !== before.replay;
  // A standby streams only once it has replayed what lies here: after a copy or a rewind that may be gigabytes.
  const replays = seen.process === 'running' && seen.role === 'standby' && !seen.streaming && seen.replay > before.replay;
  const record = recordOf(state);
  // Who leads alone has the only copy that counts: nothing in it can be undone any more.
  const ledAlone = record?.mode === 'solo' && record.primary === state.self;
  const logSuspicion = suspicionAfter(state, seen);
  return {
    ...state,
    postgres: seen,
    // An admission counts only while the very PostgreSQL it was proven on still waits for the peer.
    admitted: state.admitted && leads && seen.names === 'peer',
    provenBehindGate: state.provenBehindGate && leads && seen.names === 'gate',
    recoveryShared: leads && logSuspicion === undefined && (state.recoveryShared || ledAlone || seen.peerFlush >= seen.recovered),
    logSuspicion,
    committedAt: leads ? state.committedAt : 0n,
    flushMovedMs: seen.flush === before.flush ? state.flushMovedMs : now,
    lookedMs: seen.look === before.look ? state.lookedMs : now,
    peerFlushMovedMs: seen.peerFlush === before.peerFlush ? state.peerFlushMovedMs : now,
    replayStuckSinceMs: replayIdle ? undefined : (state.replayStuckSinceMs ?? now),
    streamingSinceMs,
    detachedSinceMs: settled ? undefined : replays ? now : (state.detachedSinceMs ?? now),
    // Before the own server answers the peer cannot attach.
    peerDetachedSinceMs: seen.peerAttached || !leads ? undefined : (state.peerDetachedSinceMs ?? now),
    diedMs: seen.process === 'running' ? undefined : state.diedMs,
    takeover: openIfReady(state, seen, now),
  };
}

/** Takes the end of an operation into the state. The end of one that was replaced meanwhile brings only its picture. */
export function applyOperationEnd(
  state: MemberState,
  id: number,
  outcome: OperationOutcome,
  postgres: LocalPostgres,
  effects: MemberEffect[],
): MemberState {
  const { operation } = state;
  const seen = applyPostgres(state, postgres);
  if (operation?.id !== id) return seen;
  const now = awakeMs(seen);
  const admission = operation.what.do === 'admit' && !outcome.ok ? lost(seen.admission, now) : seen.admission;
  const ended: MemberState = { ...seen, operation: undefined, admission };
  if (outcome.ok) {
    const operationDone = doneAgain(state, operation, now);
    const operationRetryAtMs = now + pauseMs(operationDone.repeats);
    return succeed({ ...ended, operationFailures: 0, operationRetryAtMs, operationDone }, operation.what, now);
  }
  const failures = operation.aborted ? 0 : state.operationFailures + 1;
  const waitMs = operation.aborted ? 0 : doubledMs(failures, operationRetry);
  effects.push({ do: 'note', why: `${operation.what.do} ${operation.aborted ? 'was given up' : 'failed'}: ${outcome.why}` });
  const { what } = operation;
  const atLeast = what.do === 'startPrimary' && outcome.logEndsEarly === true ? what.atLeast : undefined;
  const logSuspicion = atLeast === undefined ? ended.logSuspicion : proven(atLeast);
  return { ...ended, logSuspicion, operationFailures: failures, operationRetryAtMs: now + waitMs };
}

/** The first repetition is free: a role changes in steps, and two of them may be of one kind. */
const pauseMs = (repeats: number): number => (repeats < 2 ? 0 : doubledMs(repeats - 1, operationRetry));

/** An operation that ends well and changes nothing that we see would be begun again without end. */
function doneAgain(
  { operationDone: before }: MemberState,
  { what, sinceMs }: RunningOperation,
  now: number,
): NonNullable<MemberState['operationDone']> {
  const again = before?.do === what.do && sinceMs - before.endedMs - pauseMs(before.repeats) < repeatedWithinMs;
  return { do: what.do, endedMs: now, repeats: again ? before.repeats + 1 : 0 };
}

function succeed(state: MemberState, what: Operation, now: number): MemberState {
  const { takeover } = state;
  switch (what.do) {
    case 'admit':
      return { ...state, admitted: true };
    case 'setNames':
      return { ...state, admitted: false };
    case 'fence':
      return { ...state, takeover: takeover === undefined ? undefined : { ...takeover, fencedMs: takeover.fencedMs ?? now } };
    case 'promote':
      return {
        ...state,
        takeover: takeover === undefined ? undefined : { ...takeover, fencedMs: takeover.fencedMs ?? now, promotedMs: now },
      };
    case 'rejoin':
      return { ...state, detachedSinceMs: now, reinitialisation: copied(state, what.anew === true) };
    case 'startStandby':
    case 'follow':
      return { ...state, detachedSinceMs: now };
    case 'startPrimary':
      return { ...state, peerDetachedSinceMs: now, provenBehindGate: what.names === 'gate' };
    case 'becomePrimary':
      return { ...state, peerDetachedSinceMs: now };
    case 'checkpoint':
      return { ...state, handover: state.handover === undefined ? undefined : { ...state.handover, stage: 'stopping', sinceMs: now } };
    case 'initialise':
    case 'prove':
    case 'handOver':
    case 'kill':
      return state;
    default:
      return unreachable(what);
  }
}

function copied({ reinitialisation }: MemberState, anew: boolean): MemberState['reinitialisation'] {
  return reinitialisation === undefined || !anew ? reinitialisation : { ...reinitialisation, stage: 'attaching' };
}

/** The story of a take-over ends when commits are acknowledged again: by this member alone, or, by choice, with its peer. */
function openIfReady(state: MemberState, seen: LocalPostgres, now: number): MemberState['takeover'] {
  if (state.takeover === undefined || state.takeover.openedMs !== undefined) return state.takeover;
  const takeover = receivedUntilFenced(state.takeover, seen);
  const record = state.arbiter.seen?.record;
  const leads = record?.primary === state.self && seen.process === 'running' && seen.role === 'primary';
  const opened = leads && ((record.mode === 'solo' && seen.names === 'none') || (record.mode === 'sync' && seen.names === 'peer'));
  if (!opened) return takeover;
  // An agent that was restarted in the middle saw neither the fence nor the promotion.
  const { fencedMs = takeover.claimedMs, promotedMs = now } = takeover;
  return { ...takeover, fencedMs, promotedMs, openedMs: now, flushAtOpen: seen.flush };
}

/** What the old primary said last may be newer than the last look here: the position counts at which nothing more is received. */
function receivedUntilFenced(takeover: Takeover, { role, flush }: LocalPostgres): Takeover {
  const receives = takeover.fencedMs === undefined && role === 'standby' && flush > takeover.flushAtClaim;
  return receives ? { ...takeover, flushAtClaim: flush } : takeover;
}
