import { unreachable } from '#lib/base/invariant.ts';
import { applyArbiterAnswer } from './apply-arbiter-answer.ts';
import { askKill, askReinitialise, askSwitchover } from './apply-ask.ts';
import { applyOperationEnd, applyPostgres } from './apply-postgres.ts';
import { decideClaim } from './decide-claim.ts';
import { decideKill } from './decide-kill.ts';
import { decideOperation, mustAbort } from './decide-operation.ts';
import { decideReinitialisation } from './decide-reinitialisation.ts';
import { decideRequest } from './decide-request.ts';
import { decideSwitchover } from './decide-switchover.ts';
import { awakeMs, leadership, recordOf } from './member-state.ts';
import type { CanaryView, Heartbeat, MemberState, Operation, PeerView, RunningRequest } from './member-state.ts';
import type { MemberEffect, MemberEvent, Step } from './events.ts';

/** The shell ticks this often. A larger gap between two events means that this process did not run. */
export const tickMs = 50;

/** A gap up to this is scheduling noise and counts as time in which we could have heard something. */
export const gapToleratedMs = 100;

/**
 * One event in, the next state and what to do out. No clock, no input or output, no chance: the same events give the same steps.
 *
 * @param nowMs  The member's monotonic clock at the event, never less than at the one before.
 */
export function step(state: MemberState, event: MemberEvent, nowMs: number): Step {
  const effects: MemberEffect[] = [];
  let next = apply(advance(state, nowMs), event, effects);
  next = decideSwitchover(next, effects);
  next = decideKill(next, effects);
  next = decideReinitialisation(next, effects);
  next = planOperation(next, effects);
  next = planRequest(next, effects);
  return { state: next, effects };
}

/** Moves time on, and leaves out the time in which we were the one who slept. */
function advance(state: MemberState, nowMs: number): MemberState {
  const gap = Math.max(0, nowMs - state.lastEventMs);
  const slept = gap > gapToleratedMs ? gap - tickMs : 0;
  return { ...state, lastEventMs: state.lastEventMs + gap, sleptMs: state.sleptMs + slept };
}

function apply(state: MemberState, event: MemberEvent, effects: MemberEffect[]): MemberState {
  switch (event.on) {
    case 'tick':
      return state;
    case 'arbiterAnswered':
      return applyArbiterAnswer(state, event.id, event.answer, effects);
    case 'recordHinted':
      return { ...state, arbiter: { ...state.arbiter, readMs: Number.NEGATIVE_INFINITY } };
    case 'postgresSeen':
      return applyPostgres(state, event.postgres);
    case 'postgresDied':
      return {
        ...applyPostgres(state, event.postgres),
        diedMs: state.handover?.stage === 'stopping' ? undefined : awakeMs(state),
        admitted: false,
      };
    case 'operationEnded':
      return applyOperationEnd(state, event.id, event.outcome, event.postgres, effects);
    case 'heartbeat':
      return { ...state, peerView: hear(state, event.heartbeat) };
    case 'peerLink':
      return { ...state, peerView: { ...state.peerView, link: event.link } };
    case 'canary':
      return noteFirstWrite(
        {
          ...state,
          committedAt: committedBy(state, event.position),
          canaries: { ...state.canaries, [event.which]: probe(state.canaries[event.which], event.result, awakeMs(state)) },
        },
        event,
      );
    case 'switchoverAsked':
      return askSwitchover(state, event.id, effects);
    case 'killAsked':
      return askKill(state, event.id, effects);
    case 'reinitialiseAsked':
      return askReinitialise(state, event.id, effects);
    case 'paused':
      return { ...state, paused: event.paused };
    default:
      return unreachable(event);
  }
}

/** Where the last own commit stands, as far as it is known on which timeline and that the standby has all of the log before it. */
function committedBy({ committedAt, postgres, recoveryShared }: MemberState, position: bigint | undefined): bigint {
  const placed = postgres.process === 'running' && postgres.role === 'primary' && postgres.timeline > 0 && recoveryShared;
  return position !== undefined && placed ? position : committedAt;
}

function hear(state: MemberState, heartbeat: Heartbeat): PeerView {
  const { peerView: view } = state;
  const now = awakeMs(state);
  const own = recordOf(state);
  const before = view.heartbeat;
  const { record } = heartbeat;
  // A primary's position moves with every probe of its own, and that of a standby that is started again and again goes back and forth.
  const replays = heartbeat.role === 'standby' && heartbeat.replay > view.replayMost;
  // Both must stand behind the same record: a standby that has claimed and was promoted may be started as one again, with a log of its own.
  const waitedFor = own?.mode === 'sync' && own.primary === state.self && record?.mode === 'sync' && record.epoch === own.epoch;
  const inSync = waitedFor && heartbeat.role === 'standby' && heartbeat.data === 'complete' ? heartbeat.replay : 0n;
  return {
    link: 'connected',
    heartbeat,
    heardMs: now,
    heardAtMs: state.lastEventMs,
    freshFromMs: freshAfter(state),
    flushMovedMs: before?.flush === heartbeat.flush ? view.flushMovedMs : now,
    replayMovedMs: replays ? now : view.replayMovedMs,
    replayMost: replays ? heartbeat.replay : view.replayMost,
    replayedInSync: inSync > view.replayedInSync ? inSync : view.replayedInSync,
    acknowledged: heartbeat.acknowledged === 0n ? view.acknowledged : heartbeat.acknowledged,
    ...committedAfter(view, heartbeat, own?.epoch ?? 0),
  };
}

/** How many periods' worth of time it takes at the most until what has waited in the buffers of a connection is read. */
const drainPeriods = 2;

/**
 * After a silence, ours or that of the way, heartbeats come at once that were sent long before. A death of which they tell may be over: who
 * died is started again after a while. Until they are all read, none of them is the peer's present word.
 */
function freshAfter({ lastEventMs, peerView, limits }: MemberState): number {
  const silentMs = lastEventMs - peerView.heardAtMs;
  return peerView.heartbeat !== undefined && silentMs >= limits.suspectAfterMs
    ? lastEventMs + drainPeriods * limits.periodMs
    : peerView.freshFromMs;
}

/** A deposed member may go on telling what it had acknowledged before, and of two heartbeats of one leader the older may come later. */
function committedAfter(
  { committed: before, committedEpoch }: PeerView,
  { from, record, committed: lsn, timeline }: Heartbeat,
  ownEpoch: number,
): Pick<PeerView, 'committed' | 'committedEpoch'> {
  const told =
    record?.primary === from && lsn > 0n && timeline > 0 ? { committed: { timeline, lsn }, committedEpoch: record.epoch } : undefined;
  const known = { committed: before, committedEpoch };
  if (told === undefined || told.committedEpoch < Math.max(ownEpoch, committedEpoch)) return known;
  return before !== undefined && told.committedEpoch === committedEpoch && before.lsn > lsn ? known : told;
}

function probe(canary: CanaryView, result: 'started' | 'ok' | 'alive' | 'failed' | 'refused', now: number): CanaryView {
  switch (result) {
    case 'started':
      return { ...canary, pendingSinceMs: canary.pendingSinceMs ?? now };
    case 'ok':
      return { okMs: now, answeredMs: now, pendingSinceMs: undefined, last: 'ok' };
    case 'alive':
      return { ...canary, answeredMs: now, pendingSinceMs: undefined, last: 'alive' };
    case 'failed':
    case 'refused':
      return { ...canary, pendingSinceMs: result === 'refused' ? undefined : canary.pendingSinceMs, last: result };
    default:
      return unreachable(result);
  }
}

/** What ends an outage for clients: the first commit that is acknowledged as theirs are. Before the gate is open none can be. */
function noteFirstWrite(state: MemberState, { which, result }: Extract<MemberEvent, { on: 'canary' }>): MemberState {
  const { takeover } = state;
  if (which !== 'sync' || result !== 'ok' || takeover?.claimedMs === undefined || takeover.firstWriteMs !== undefined) return state;
  return { ...state, takeover: { ...takeover, firstWriteMs: awakeMs(state) } };
}

/** Operations on a server that runs on; every other one starts or ends one. */
const keepsServer: ReadonlySet<Operation['do']> = new Set(['follow', 'prove', 'admit', 'setNames', 'fence', 'promote', 'checkpoint']);

function planOperation(state: MemberState, effects: MemberEffect[]): MemberState {
  let next = state;
  const under = leadership(recordOf(next));
  if (next.operation !== undefined && mustAbort(next, under)) {
    effects.push({ do: 'abort', id: next.operation.id, why: 'its ground is gone' });
    next = { ...next, operation: { ...next.operation, aborted: true } };
  }
  const decision = decideOperation(next);
  if (decision.do !== 'run') return next;
  if (decision.what.do === 'kill' && next.operation?.what.do === 'kill') return next;
  if (next.operation !== undefined && !next.operation.aborted) effects.push({ do: 'abort', id: next.operation.id, why: decision.why });
  const id = next.nextId;
  effects.push({ do: 'operate', id, what: decision.what, why: decision.why });
  // Whatever was proven of PostgreSQL was proven before this: its end alone may prove something again.
  const restarts = !keepsServer.has(decision.what.do);
  return {
    ...next,
    nextId: id + 1,
    operation: { id, what: decision.what, sinceMs: awakeMs(next), aborted: false, under },
    admitted: false,
    provenBehindGate: false,
    recoveryShared: next.recoveryShared && !restarts,
  };
}

function planRequest(state: MemberState, effects: MemberEffect[]): MemberState {
  const decision = decideRequest(state);
  if (decision.do === 'none') return state;
  const id = state.nextId;
  const { seen } = state.arbiter;
  const request: RunningRequest = {
    id,
    kind: decision.do,
    next: decision.do === 'read' ? undefined : decision.next,
    sentMs: awakeMs(state),
    heardSequence: state.peerView.heartbeat?.record?.sequence ?? 0,
    ...(decision.do === 'swap' && decision.next.mode === 'claim' ? claimedUpon(state) : {}),
  };
  if (decision.do === 'create') effects.push({ do: 'create', id, record: decision.next });
  else if (decision.do === 'read' || seen === undefined) effects.push({ do: 'read', id });
  else {
    const why = decision.do === 'swap' ? decision.why : 'settling older requests';
    effects.push({ do: 'swap', id, expect: seen, next: decision.next, settles: decision.do === 'settle', why });
  }
  return { ...state, nextId: id + 1, arbiter: { ...state.arbiter, request } };
}

function claimedUpon(state: MemberState): Pick<RunningRequest, 'claimed'> {
  const verdict = decideClaim(state);
  return verdict.do === 'claim' ? { claimed: { reason: verdict.reason, lastGoodMs: verdict.lastGoodMs } } : {};
}
