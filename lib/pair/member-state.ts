import type { PairLimits } from './limits.ts';
import type { HeartbeatStanding } from './member-facts.ts';
import type { LogPlace, MemberName, PairRecord, SeenRecord } from './pair-record.ts';

/**
 * Whom a commit waits for, that is `synchronous_standby_names`.
 *
 * gate  A name that never connects: nobody is acknowledged.
 * peer  Exactly the other member.
 * none  Nobody: the member commits alone.
 */
export type SyncNames = 'gate' | 'peer' | 'none';

/** What the shell saw of its own PostgreSQL, as one consistent picture. Positions are WAL positions in bytes. */
export interface LocalPostgres {
  readonly process: 'down' | 'running';
  /** Meaningful while running. */
  readonly role: 'primary' | 'standby';
  /** `unknown`: it was started and has not answered yet. */
  readonly names: SyncNames | 'unknown';
  /** `complete` only with a durable proof that names this data; `incomplete` data may be anything. */
  readonly data: 'empty' | 'incomplete' | 'complete';
  readonly systemIdentifier: string | undefined;
  /** Standby: told to stream from the peer. */
  readonly upstream: boolean;
  /** Standby: its walreceiver streams. */
  readonly streaming: boolean;
  /** Standby: consistent, so that a copy can be called complete. */
  readonly consistent: boolean;
  /** Primary: the one it writes. Standby: the one it received last. */
  readonly timeline: number;
  /** Primary: flushed by itself. Standby: received and flushed. */
  readonly flush: bigint;
  readonly replay: bigint;
  /** Primary: the peer's walsender streams. */
  readonly peerAttached: boolean;
  readonly peerFlush: bigint;
  /** Primary: own flush position read after its recovery. Clients may read once the peer has it too. */
  readonly recovered: bigint;
  /** Counts the looks that were answered: a picture with the number of the one before shows nothing new. */
  readonly look: number;
  /** Primary: where its log left each earlier timeline. What it had received behind such a place was left out by the promotion. */
  readonly left: readonly LogPlace[];
}

/** A PostgreSQL of which nothing is known yet. */
export const unseenPostgres: LocalPostgres = {
  process: 'down',
  role: 'standby',
  names: 'unknown',
  data: 'incomplete',
  systemIdentifier: undefined,
  upstream: false,
  streaming: false,
  consistent: false,
  timeline: 0,
  flush: 0n,
  replay: 0n,
  peerAttached: false,
  peerFlush: 0n,
  recovered: 0n,
  look: 0,
  left: [],
};

/** What a member says of itself, every period. Ages instead of times: the two clocks have nothing in common. */
export interface Heartbeat {
  readonly from: MemberName;
  /** Sequence, mode and epoch of the newest record it knows; absent before its first read. */
  readonly record: Pick<PairRecord, 'sequence' | 'mode' | 'epoch' | 'primary'> | undefined;
  /** `dead`: it ran and ended without being asked to. `stopped`: handed over, or not started yet. */
  readonly postgres: 'starting' | 'running' | 'dead' | 'stopped';
  readonly role: 'primary' | 'standby';
  readonly data: LocalPostgres['data'];
  readonly timeline: number;
  readonly flush: bigint;
  readonly replay: bigint;
  /** Age of its last good local canary. */
  readonly localCanaryAgeMs: number;
  /** It has stopped its PostgreSQL for a switchover and asks to be deposed. */
  readonly handingOver: boolean;
  /** The primary is stopping its PostgreSQL for a switchover. */
  readonly stopping: boolean;
  /** Standby: it is to be copied anew under this id, and asks not to be waited for any more. */
  readonly leaving: string | undefined;
  /** Primary: it leads alone, has heard that the peer leaves under this id, and does not ask for it to be waited for again. */
  readonly letsGo: string | undefined;
  /** Primary: up to here the standby had flushed when it looked last. Nothing beyond was acknowledged by then; 0 elsewhere. */
  readonly acknowledged: bigint;
  /** Primary: where, on `timeline`, the last commit of its own stands that was acknowledged as those of clients are; 0 elsewhere. */
  readonly committed: bigint;
  /** It still stands behind the record as its leader and is not stalled. */
  readonly healthy: boolean;
  /** Whether it could take over, as far as only it knows; absent from an agent of before this was told. */
  readonly standing?: HeartbeatStanding | undefined;
}

/** How the connection to the peer's agent stands. `refused`: its machine answers, and nobody listens there. */
export type PeerLink = 'connecting' | 'connected' | 'ended' | 'refused';

export interface PeerView {
  readonly link: PeerLink;
  readonly heartbeat: Heartbeat | undefined;
  /** When the last heartbeat was heard; at the start, when we began to listen. */
  readonly heardMs: number;
  /** The same in the clock of the events, time asleep included. */
  readonly heardAtMs: number;
  /** In that clock: what was heard before this may have waited in a buffer, and says nothing of now. */
  readonly freshFromMs: number;
  readonly flushMovedMs: number;
  /** When its replay went beyond where it had ever been under this record. */
  readonly replayMovedMs: number;
  readonly replayMost: bigint;
  /** How far it had replayed at the most as the standby that this primary waits for; kept while it claims. 0 when it never said so. */
  readonly replayedInSync: bigint;
  /** Where the last commit stood that it said was acknowledged. */
  readonly committed: LogPlace | undefined;
  /** The epoch in which it said so. */
  readonly committedEpoch: number;
  /** What it called acknowledged last, as primary; a server that died says nothing any more. */
  readonly acknowledged: bigint | undefined;
}

/** One kind of probe write. */
export interface CanaryView {
  /** When the last one succeeded; at the start, when we began. */
  readonly okMs: number;
  /** When the server last answered, if only that it has no connection free: it lives, and of its disk this tells nothing. */
  readonly answeredMs: number;
  /** Since when one is under way without an answer. */
  readonly pendingSinceMs: number | undefined;
  readonly last: 'ok' | 'alive' | 'failed' | 'refused' | 'none';
}

/** Work on PostgreSQL that the core asks for, one at a time. */
export type Operation =
  | { readonly do: 'initialise' }
  /** `atLeast`: how far the standby has replayed. A log that cannot be read so far leads nothing, and is not started. */
  | { readonly do: 'startPrimary'; readonly names: SyncNames; readonly atLeast?: bigint }
  | { readonly do: 'becomePrimary'; readonly names: SyncNames }
  | { readonly do: 'startStandby'; readonly upstream: boolean }
  | { readonly do: 'follow' }
  /** `anew`: copied whatever its past allows. */
  | { readonly do: 'rejoin'; readonly anew?: true }
  | { readonly do: 'prove' }
  | { readonly do: 'admit' }
  | { readonly do: 'setNames'; readonly names: SyncNames }
  | { readonly do: 'fence' }
  | { readonly do: 'promote' }
  | { readonly do: 'checkpoint' }
  | { readonly do: 'handOver' }
  | { readonly do: 'kill' };

export interface RunningOperation {
  readonly id: number;
  readonly what: Operation;
  readonly sinceMs: number;
  readonly aborted: boolean;
  /** The record's leadership it was decided on: when that changes, the work is pointless and is aborted. */
  readonly under: string;
}

/** A request to the arbiter under way. At most one, so that answers need no matching but their id. */
export interface RunningRequest {
  readonly id: number;
  readonly kind: 'read' | 'create' | 'settle' | 'swap';
  readonly next: PairRecord | undefined;
  readonly sentMs: number;
  /** The peer had told of this sequence before it was sent, if of any: an answer that shows an older one comes from an arbiter that was set back. */
  readonly heardSequence?: number;
  /** Of a claim: what it was decided on. When its answer comes, the signs may have changed. */
  readonly claimed?: { readonly reason: TakeoverReason; readonly lastGoodMs: number };
}

export interface ArbiterView {
  readonly seen: SeenRecord | undefined;
  /** No request of ours, also of an earlier life, can still be carried out. Nothing is loosened before. */
  readonly settled: boolean;
  /** Why roles are frozen until a person acts (rule 8). */
  readonly frozen: string | undefined;
  /** While frozen: whom the record that is not believed names in an epoch after ours. It may acknowledge writes already. */
  readonly successor: MemberName | undefined;
  /** There is no record and never was one, so far as is known here: it is to be created. */
  readonly vacant: boolean;
  readonly request: RunningRequest | undefined;
  readonly retryAtMs: number;
  readonly failures: number;
  readonly answeredMs: number;
  readonly readMs: number;
  /** When a change or a settlement of our own was last carried out, in the clock of the events, time asleep included: the record was surely so then. */
  readonly settledMs: number;
}

/** How being waited for has gone. Both members count, whoever leads. */
export interface AdmissionView {
  /** Losses in a row, none of them after a long good time. */
  readonly losses: number;
  /** Since when it is waited for by the record. */
  readonly sinceMs: number | undefined;
  /** Not admitted again before this instant. */
  readonly notBeforeMs: number;
}

/** A planned handing over of the lead, asked for by a person. */
export interface Handover {
  readonly id: string;
  readonly stage: 'checkpointing' | 'stopping' | 'waiting';
  readonly sinceMs: number;
}

/** A drill: the own PostgreSQL is killed, and the standby takes over as from any crash. */
export interface Kill {
  readonly id: string;
  readonly sinceMs: number;
  /** It was seen to have ended. */
  readonly died: boolean;
}

/**
 * Being copied anew because a person asked for it.
 *
 * leaving    The primary is asked to lead alone and not to wait for us again; the copy here stays whole until it has said so.
 * attaching  The new copy is made; it is done when that is proven complete and streams.
 */
export interface Reinitialisation {
  readonly id: string;
  readonly stage: 'leaving' | 'attaching';
  readonly sinceMs: number;
  /** When the primary was first heard to let this member go, in the clock of the events, time asleep included. */
  readonly letGoMs: number | undefined;
}

/** `resumed`: the story began in an earlier life of the agent, or with a request whose answer was lost. */
export const takeoverReasons = ['processDeath', 'silence', 'diskStall', 'switchover', 'takeBack', 'resumed'] as const;
export type TakeoverReason = (typeof takeoverReasons)[number];

/** The take-over in progress or just finished: instants of the member's own clock, for the report. */
export interface Takeover {
  readonly reason: TakeoverReason;
  readonly why: string;
  readonly epoch: number;
  /** The last moment at which the peer was still seen to be well. */
  readonly lastGoodMs: number;
  readonly decidedMs: number;
  readonly claimedMs: number | undefined;
  readonly fencedMs: number | undefined;
  readonly promotedMs: number | undefined;
  readonly openedMs: number | undefined;
  /** When the last canary was acknowledged before: the old primary's as seen from here, or the own one of who takes back. */
  readonly lastWriteMs: number;
  /** When the first one was acknowledged here afterwards. */
  readonly firstWriteMs: number | undefined;
  /** Up to here the old primary had last said that commits were acknowledged; undefined when it never said so. */
  readonly acknowledged: bigint | undefined;
  /** How far the own log went when the claim was fenced: nothing more is received after it. */
  readonly flushAtClaim: bigint;
  readonly flushAtOpen: bigint | undefined;
}

/** The standby has replayed up to `lsn`, and so many looks have found the own log to end before. */
export interface LogSuspicion {
  readonly lsn: bigint;
  readonly looks: number;
}

/** Everything a member's core knows. Instants are in awake time: time during which this process did not run is left out. */
export interface MemberState {
  readonly self: MemberName;
  readonly peer: MemberName;
  /** The member that founds a new pair. */
  readonly founder: MemberName;
  readonly limits: PairLimits;
  readonly whenStandbyLost: 'continue' | 'block';
  readonly paused: boolean;
  readonly startedMs: number;
  readonly lastEventMs: number;
  readonly sleptMs: number;
  readonly nextId: number;
  readonly arbiter: ArbiterView;
  readonly postgres: LocalPostgres;
  /** Where the last own commit stands that was acknowledged as those of clients are; 0 while this member does not lead. */
  readonly committedAt: bigint;
  readonly flushMovedMs: number;
  /** When a look at the own PostgreSQL succeeded last; what stands still since then may only be unseen. */
  readonly lookedMs: number;
  /** Standby: since when its walreceiver has not streamed for a while; one that comes up and ends again and again does not stream. */
  readonly detachedSinceMs: number | undefined;
  /** Standby: since when its replay has stood still although there is something to replay. */
  readonly replayStuckSinceMs: number | undefined;
  readonly streamingSinceMs: number | undefined;
  readonly peerDetachedSinceMs: number | undefined;
  readonly peerFlushMovedMs: number;
  /** PostgreSQL ended without our doing, at this instant. */
  readonly diedMs: number | undefined;
  readonly operation: RunningOperation | undefined;
  readonly operationRetryAtMs: number;
  readonly operationFailures: number;
  /** What ended well last, and how often it was begun again at once before that: its effect is not seen. */
  readonly operationDone: { readonly do: Operation['do']; readonly endedMs: number; readonly repeats: number } | undefined;
  /** An admission has proven that PostgreSQL waits for the peer and that the peer has everything; it is to be recorded. */
  readonly admitted: boolean;
  readonly admission: AdmissionView;
  /** This PostgreSQL was started behind the gate to take a claim back, and has committed there. */
  readonly provenBehindGate: boolean;
  /** What recovery brought back is on the peer too, or could be seen here already: the peer may come and go without shutting readers out. */
  readonly recoveryShared: boolean;
  /** The own log seems to end before that of the standby. */
  readonly logSuspicion: LogSuspicion | undefined;
  readonly peerView: PeerView;
  readonly canaries: { readonly local: CanaryView; readonly sync: CanaryView; readonly remote: CanaryView };
  /** Since when the record names the peer as claimant. */
  readonly claimSeenMs: number | undefined;
  readonly handover: Handover | undefined;
  readonly kill: Kill | undefined;
  readonly reinitialisation: Reinitialisation | undefined;
  readonly takeover: Takeover | undefined;
}

/** Now, in awake time. */
export function awakeMs(state: MemberState): number {
  return state.lastEventMs - state.sleptMs;
}

/** Milliseconds since a condition began; 0 while it does not hold. */
export function lastingMs(state: MemberState, sinceMs: number | undefined): number {
  return sinceMs === undefined ? 0 : awakeMs(state) - sinceMs;
}

export function recordOf(state: MemberState): PairRecord | undefined {
  return state.arbiter.seen?.record;
}

/** A server runs that was found and has answered nothing yet: what it is, a primary with clients perhaps, is not known. */
export function isUnseen({ postgres, operation }: MemberState): boolean {
  return postgres.process === 'running' && postgres.names === 'unknown' && operation === undefined;
}

/** Mode, leader and epoch in one text: what a decision about PostgreSQL rests on. */
export function leadership(record: PairRecord | undefined): string {
  return record === undefined ? 'unknown' : `${record.mode} ${record.primary ?? '-'} ${record.epoch}`;
}

/** Nothing was said yet; silence counts from now. */
function unheardPeer(nowMs: number): PeerView {
  return {
    link: 'connecting',
    heartbeat: undefined,
    heardMs: nowMs,
    heardAtMs: nowMs,
    freshFromMs: Number.NEGATIVE_INFINITY,
    flushMovedMs: nowMs,
    replayMovedMs: nowMs,
    replayMost: 0n,
    replayedInSync: 0n,
    acknowledged: undefined,
    committed: undefined,
    committedEpoch: 0,
  };
}

/** A member at the start of its process: nothing is known, so nothing is settled. */
export function startMember(
  given: Pick<MemberState, 'self' | 'peer' | 'founder' | 'limits' | 'whenStandbyLost' | 'paused'> & {
    readonly nowMs: number;
    readonly postgres: LocalPostgres;
    /** Under this id it was being copied anew when its last life ended, and is not whole yet. */
    readonly reinitialising?: string | undefined;
  },
): MemberState {
  const { nowMs, postgres, reinitialising, ...rest } = given;
  const canary: CanaryView = { okMs: nowMs, answeredMs: nowMs, pendingSinceMs: undefined, last: 'none' };
  return {
    ...rest,
    startedMs: nowMs,
    lastEventMs: nowMs,
    sleptMs: 0,
    nextId: 1,
    arbiter: {
      seen: undefined,
      settled: false,
      frozen: undefined,
      successor: undefined,
      vacant: false,
      request: undefined,
      retryAtMs: nowMs,
      failures: 0,
      answeredMs: nowMs,
      readMs: nowMs,
      settledMs: Number.NEGATIVE_INFINITY,
    },
    postgres,
    committedAt: 0n,
    flushMovedMs: nowMs,
    lookedMs: nowMs,
    detachedSinceMs: nowMs,
    replayStuckSinceMs: undefined,
    streamingSinceMs: undefined,
    peerDetachedSinceMs: nowMs,
    peerFlushMovedMs: nowMs,
    diedMs: undefined,
    operation: undefined,
    operationRetryAtMs: nowMs,
    operationFailures: 0,
    operationDone: undefined,
    admitted: false,
    admission: { losses: 0, sinceMs: undefined, notBeforeMs: nowMs },
    provenBehindGate: false,
    recoveryShared: false,
    logSuspicion: undefined,
    peerView: unheardPeer(nowMs),
    canaries: { local: canary, sync: canary, remote: canary },
    claimSeenMs: undefined,
    handover: undefined,
    kill: undefined,
    reinitialisation:
      reinitialising === undefined ? undefined : { id: reinitialising, stage: 'attaching', sinceMs: nowMs, letGoMs: undefined },
    takeover: undefined,
  };
}
