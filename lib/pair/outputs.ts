import { isCutShort } from './own-log.ts';
import { isStalled } from './decide-degrade.ts';
import { explainFailover, heardFrom } from './explain.ts';
import type { BlockedReason } from './explain.ts';
import { factsOf, heartbeatStanding, peerFactsOf } from './member-facts.ts';
import { awakeMs, isUnseen, recordOf } from './member-state.ts';
import type { Heartbeat, MemberState } from './member-state.ts';

/** What must hold outside right now. The shell compares it with what it did last, and acts on the difference. */
export interface MemberOutputs {
  /** `open`: clients are admitted to PostgreSQL and the hall server leads. `closed`: nobody is. */
  readonly access: { readonly to: 'closed'; readonly why: string } | { readonly to: 'open'; readonly epoch: number };
  /** Whether the name of the pair is to point here, and under which epoch. */
  readonly route: { readonly epoch: number } | undefined;
}

/** Derives what must hold outside from the state alone, so that it can be asked at any time and twice. */
export function outputsOf(state: MemberState): MemberOutputs {
  const closed = whyClosed(state);
  if (closed !== undefined) return { access: { to: 'closed', why: closed }, route: undefined };
  const epoch = recordOf(state)?.epoch ?? 0;
  return { access: { to: 'open', epoch }, route: { epoch } };
}

/** Whether nothing has to be done to come from one to the other. */
export function sameOutputs(one: MemberOutputs, other: MemberOutputs): boolean {
  const { access: a } = one;
  const { access: b } = other;
  const sameAccess = a.to === 'open' ? b.to === 'open' && a.epoch === b.epoch : b.to === 'closed' && a.why === b.why;
  return sameAccess && one.route?.epoch === other.route?.epoch;
}

const succeeded = 'the other member leads by a record that this one does not believe: two must not acknowledge';
const cutOff = 'neither peer nor arbiter was reached: readers could be shown the past';

function whyClosed(state: MemberState): string | undefined {
  const record = recordOf(state);
  const { postgres, handover } = state;
  if (state.arbiter.successor === state.peer) return succeeded;
  if (record === undefined) return isCutOff(state) ? cutOff : 'the record is not known yet';
  if (record.primary !== state.self) return 'the other member leads';
  // A reason of its own: when it has answered, the door that was left as it was is set, closed ones too.
  if (isUnseen(state)) return 'PostgreSQL was found and has not answered yet';
  if (postgres.process !== 'running' || postgres.role !== 'primary') return 'the own PostgreSQL is not a running primary';
  if (isStarting(state)) return 'PostgreSQL is being started';
  if (postgres.names === 'unknown') return 'PostgreSQL has not answered yet';
  if (handover !== undefined && handover.stage !== 'checkpointing') return 'handing over';
  if (isCutOff(state)) return cutOff;
  // The next leader may be heard before the record can be read again, and must not reassure who was shut out.
  if ((state.peerView.heartbeat?.record?.epoch ?? 0) > record.epoch) return 'the other member knows of a newer leader';
  switch (record.mode) {
    case 'new':
    case 'claim':
      return 'the claim is not opened yet';
    case 'solo':
      // Until the arbiter knows whose data this is, data made anew after a lost disk would pass for it, without what was acknowledged.
      if (record.systemIdentifier === undefined) return 'the data is not named in the record yet';
      // By choice of the person who set `Block` the gate stands for as long as there is no second copy; readers go on.
      return postgres.names === 'gate' && !isAdmitting(state) && state.whenStandbyLost === 'continue'
        ? 'the gate is not opened yet'
        : undefined;
    case 'sync':
      // Crash recovery can show commits that were never acknowledged and that a claim would undo.
      return state.recoveryShared ? undefined : 'the standby does not have everything that recovery brought back';
  }
}

function isStarting({ operation }: MemberState): boolean {
  const what = operation?.what.do;
  return what === 'initialise' || what === 'startPrimary' || what === 'becomePrimary';
}

/** During an admission, until it is recorded, the gate stands for milliseconds while readers go on. */
function isAdmitting(state: MemberState): boolean {
  return state.admitted || state.operation?.what.do === 'admit' || state.operation?.what.do === 'setNames';
}

/**
 * Whether a server that outlived its agent keeps its door as it is: until the record was read and names somebody else, or the server itself
 * has said what it is, its clients lose nothing by staying. Nobody stays where the other member may lead, or nobody can be asked.
 */
export function leavesDoor(state: MemberState): boolean {
  if (isCutOff(state) || state.arbiter.successor === state.peer) return false;
  const record = recordOf(state);
  return record === undefined || (record.primary === state.self && isUnseen(state));
}

/** Rule 6: silent peer, and an arbiter that answered nothing since. */
export function isCutOff(state: MemberState): boolean {
  const now = awakeMs(state);
  const limit = state.limits.readFenceAfterMs;
  const { failures, answeredMs, frozen } = state.arbiter;
  // An arbiter that has lost the record tells nothing either: whoever led with a peer may be deposed by it. Who led alone is not.
  const lost = frozen !== undefined && recordOf(state)?.mode === 'sync';
  const silent = failures > 0 && now - answeredMs >= limit;
  return (lost || silent) && now - state.peerView.heardMs >= limit;
}

/** What this member says of itself. */
export function heartbeatOf(state: MemberState): Heartbeat {
  const record = recordOf(state);
  const { postgres } = state;
  return {
    from: state.self,
    record:
      record === undefined ? undefined : { sequence: record.sequence, mode: record.mode, epoch: record.epoch, primary: record.primary },
    postgres: postgresWord(state),
    role: postgres.role,
    data: postgres.data,
    timeline: postgres.timeline,
    flush: postgres.flush,
    replay: postgres.replay,
    localCanaryAgeMs: Math.max(0, Math.round(awakeMs(state) - state.canaries.local.answeredMs)),
    handingOver: state.handover?.stage === 'waiting' && postgres.process === 'down',
    stopping: state.handover?.stage === 'stopping',
    leaving: state.reinitialisation?.stage === 'leaving' ? state.reinitialisation.id : undefined,
    letsGo: record?.mode === 'solo' && record.primary === state.self ? state.peerView.heartbeat?.leaving : undefined,
    acknowledged: postgres.role === 'primary' ? postgres.peerFlush : 0n,
    committed: state.committedAt,
    healthy: !isStalled(state),
    standing: heartbeatStanding(state),
  };
}

const starting: ReadonlySet<string> = new Set(['initialise', 'startPrimary', 'becomePrimary', 'startStandby', 'rejoin']);

/** A server that is being made or started may run already and serves nobody yet: the peer must not copy from it. */
function postgresWord(state: MemberState): Heartbeat['postgres'] {
  const { postgres, diedMs, operation } = state;
  const runs = postgres.process === 'running';
  if (!runs && (diedMs !== undefined || isCutShort(state))) return 'dead';
  if (operation !== undefined && starting.has(operation.what.do)) return 'starting';
  return runs ? 'running' : 'stopped';
}

/** Why a failover without loss is not possible now, as this member sees the pair; undefined when it is. */
export function failoverBlockedBy(state: MemberState): BlockedReason | undefined {
  return explainFailover({
    members: [state.self, state.peer],
    record: undefined,
    recordLost: undefined,
    // The standby's own pause decides; the primary's is all that is known of it while an older agent does not tell.
    paused: state.paused,
    heard: heardFrom([{ facts: factsOf(state), peer: peerFactsOf(state) }]),
    diskFull: [],
  }).blockedBy;
}
