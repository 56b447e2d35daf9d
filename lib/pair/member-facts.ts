import { isCutShort } from './own-log.ts';
import { standsStill } from './admission.ts';
import { endsEarly } from './decide-operation.ts';
import { awakeMs, lastingMs, recordOf } from './member-state.ts';
import type { LocalPostgres, MemberState } from './member-state.ts';
import { newRecord } from './pair-record.ts';
import type { MemberName, PairMode, PairRecord } from './pair-record.ts';

/** What a member knows of the record. */
export interface KnownRecord {
  readonly sequence: number;
  readonly mode: PairMode;
  readonly epoch: number;
  readonly primary: MemberName | undefined;
}

/**
 * What a verdict about a failover rests on: one member, as it tells of itself or as its peer has just heard it. Nothing in it changes with
 * every commit, so that it may stand in a status.
 */
export interface MemberFacts {
  readonly name: MemberName;
  /** The newest record it knows; absent before its first read. */
  readonly record: KnownRecord | undefined;
  /** Why it froze its role (rule 8); absent while it did not. */
  readonly frozen: string | undefined;
  /** Its last request to the arbiter was answered, and not too long ago. */
  readonly arbiterReached: boolean;
  readonly paused: boolean;
  readonly whenStandbyLost: 'continue' | 'block';
  readonly postgres: 'running' | 'starting' | 'down';
  readonly role: LocalPostgres['role'];
  readonly data: LocalPostgres['data'];
  /** A rejoin is under way: its data is being rewound or copied. */
  readonly copying: boolean;
  /** Primary: its peer streams. Standby: it streams itself. */
  readonly streaming: boolean;
  /** Whom its commits wait for; of a standby the gate. */
  readonly waitsFor: LocalPostgres['names'];
  /** Whether it hears the agent of the other member. */
  readonly hearsPeer: boolean;
  /** Why its PostgreSQL would not get through a promotion now, in words without figures; absent when nothing speaks against it. */
  readonly stuck: string | undefined;
  /** Standby: so much is received and not replayed yet that a promotion would take noticeably longer. */
  readonly replayBehind: boolean;
}

/** What a heartbeat tells of its sender beyond PostgreSQL. */
export type HeartbeatStanding = Pick<MemberFacts, 'arbiterReached' | 'paused' | 'stuck' | 'copying'> & { readonly frozen: boolean };

/** A standby reads the backlog back at some hundred megabytes a second: beyond this it is told. */
const replayBehindBytes = 67_108_864n;

/** So many polls may pass before an arbiter that answers nothing counts as not reached, though no request of ours has failed. */
const pollsMissedMax = 2;

/** What the member tells of itself. */
export function factsOf(state: MemberState): MemberFacts {
  const record = recordOf(state);
  const { postgres, operation } = state;
  return {
    name: state.self,
    record:
      record === undefined ? (state.arbiter.vacant && state.arbiter.failures === 0 ? knownOf(newRecord) : undefined) : knownOf(record),
    frozen: state.arbiter.frozen,
    ...standingOf(state),
    whenStandbyLost: state.whenStandbyLost,
    postgres: postgres.process === 'running' ? 'running' : operation?.what.do === 'startStandby' ? 'starting' : 'down',
    role: postgres.role,
    data: postgres.data,
    streaming: isAttached(postgres),
    waitsFor: postgres.names,
    hearsPeer: isPeerHeard(state),
    replayBehind: postgres.role === 'standby' && postgres.flush - postgres.replay > replayBehindBytes,
  };
}

/** What the member has just heard of its peer; undefined while it is silent. */
export function peerFactsOf(state: MemberState): MemberFacts | undefined {
  const { heartbeat } = state.peerView;
  if (heartbeat === undefined || !isPeerHeard(state)) return undefined;
  // An agent of before this was told says nothing of it; then nothing speaks against it but what we know ourselves.
  const standing = heartbeat.standing ?? { arbiterReached: true, paused: state.paused, stuck: undefined, copying: false, frozen: false };
  return {
    name: state.peer,
    record: heartbeat.record,
    arbiterReached: standing.arbiterReached,
    paused: standing.paused,
    stuck: standing.stuck,
    copying: standing.copying,
    frozen: standing.frozen ? 'it says so in its heartbeats' : undefined,
    whenStandbyLost: state.whenStandbyLost,
    postgres: heartbeat.postgres === 'running' || heartbeat.postgres === 'starting' ? heartbeat.postgres : 'down',
    role: heartbeat.role,
    data: heartbeat.data,
    // A sender that hangs is shown as streaming for ever: what is not waited for is no stream in words either.
    streaming: heartbeat.role === 'standby' && state.postgres.peerAttached && !standsStill(state),
    waitsFor: 'unknown',
    hearsPeer: true,
    replayBehind: heartbeat.role === 'standby' && heartbeat.flush - heartbeat.replay > replayBehindBytes,
  };
}

/** The part of a heartbeat that its receiver could not know otherwise. */
export function heartbeatStanding(state: MemberState): HeartbeatStanding {
  return { ...standingOf(state), frozen: state.arbiter.frozen !== undefined };
}

function standingOf(state: MemberState): Omit<HeartbeatStanding, 'frozen'> {
  return {
    arbiterReached: isArbiterReached(state),
    paused: state.paused,
    stuck: whyStuck(state),
    copying: state.operation?.what.do === 'rejoin',
  };
}

/** Heard within the time after which it would count as lost, over a connection that stands. */
function isPeerHeard({ peerView, limits, ...rest }: MemberState): boolean {
  const now = rest.lastEventMs - rest.sleptMs;
  return peerView.link === 'connected' && peerView.heartbeat !== undefined && now - peerView.heardMs < limits.suspectAfterMs;
}

function isArbiterReached(state: MemberState): boolean {
  const { seen, vacant, frozen, failures, answeredMs } = state.arbiter;
  return (
    (seen !== undefined || vacant || frozen !== undefined) &&
    failures === 0 &&
    awakeMs(state) - answeredMs < pollsMissedMax * state.limits.recordPollMs
  );
}

const cutShort = 'the log on its disk ends before that of the other member, so it lacks what was acknowledged';

/** Signs that a claim could be won and the promotion behind it would still lead nowhere. */
function whyStuck(state: MemberState): string | undefined {
  const { postgres, limits, peerView, canaries } = state;
  if (isCutShort(state)) return cutShort;
  if (postgres.process === 'down' && state.operationFailures > 0) return 'its PostgreSQL could not be started';
  if (endsEarly(state)) return 'what it received cannot be read to the end, so it lacks what was acknowledged';
  if (postgres.process === 'down' || postgres.role !== 'standby') return undefined;
  if (peerView.heartbeat?.standing?.frozen === true) return 'the other member did not believe the record when it was heard last';
  if (lastingMs(state, state.replayStuckSinceMs) >= limits.takeBackAfterMs) return 'its replay stands still with something left to replay';
  const now = awakeMs(state);
  const primaryWrites = isPeerHeard(state) && now - canaries.remote.okMs < limits.suspectAfterMs && peerView.heartbeat?.role === 'primary';
  const sees = now - state.lookedMs < limits.suspectAfterMs;
  // The canaries of a primary that is well write all the time: a stream that brings nothing of it has nobody at its end.
  const still = sees && postgres.streaming && primaryWrites && now - state.flushMovedMs >= limits.degradeSlowAfterMs;
  return still ? 'its PostgreSQL takes nothing from the stream' : undefined;
}

function isAttached({ process, role, peerAttached, streaming }: LocalPostgres): boolean {
  return process === 'running' && (role === 'primary' ? peerAttached : streaming);
}

function knownOf({ sequence, mode, epoch, primary }: PairRecord): KnownRecord {
  return { sequence, mode, epoch, primary };
}
