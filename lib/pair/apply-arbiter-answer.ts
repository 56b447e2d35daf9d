import { doubledMs } from '#lib/base/retry.ts';
import { entered, lost } from './admission.ts';
import type { ArbiterAnswer, MemberEffect } from './events.ts';
import { awakeMs, recordOf } from './member-state.ts';
import type { ArbiterView, MemberState, RunningRequest, Takeover } from './member-state.ts';
import { isForward } from './pair-record.ts';
import type { MemberName, PairRecord, SeenRecord } from './pair-record.ts';

/** Between attempts after failures: the first, doubled up to the last. A claim must not wait long for an arbiter that comes back. */
const arbiterRetry = { firstMs: 50, maxMs: 1_000 } as const;

/** Takes an answer of the arbiter into the state. An answer to a request that was given up long ago is dropped. */
export function applyArbiterAnswer(state: MemberState, id: number, answer: ArbiterAnswer, effects: MemberEffect[]): MemberState {
  const { request } = state.arbiter;
  if (request?.id !== id) return state;
  const now = awakeMs(state);
  const arbiter: ArbiterView = { ...state.arbiter, request: undefined };
  switch (answer.kind) {
    case 'failed': {
      const failures = arbiter.failures + 1;
      const waitMs = doubledMs(failures, arbiterRetry);
      const settled = arbiter.settled && (request.kind === 'read' || answer.carriedOut === 'no');
      // Of a record that we asked for, and that may stand there by now, nothing is known any more.
      return { ...state, arbiter: { ...arbiter, settled, vacant: false, failures, retryAtMs: now + waitMs } };
    }
    case 'absent':
      return freeze(state, arbiter, 'the record is missing');
    case 'vacant':
      return leaveVacant(state, arbiter);
    case 'invalid':
      return freeze(state, arbiter, answer.why, answer.successor);
    case 'won':
      return accept(tellTakeover(state, answer.seen.record, request), arbiter, answer.seen, { request, won: true }, effects);
    case 'current':
      return accept(tellTakeover(state, answer.seen.record, undefined), arbiter, answer.seen, { request, won: false }, effects);
  }
}

function freeze(state: MemberState, arbiter: ArbiterView, why: string, successor?: MemberName): MemberState {
  const now = awakeMs(state);
  return { ...state, arbiter: { ...arbiter, frozen: why, successor, vacant: false, failures: 0, answeredMs: now, readMs: now } };
}

/** A pair begins without data. Where there is any there was a record, and only a person may write it anew (rule 8). */
function leaveVacant(state: MemberState, arbiter: ArbiterView): MemberState {
  if (arbiter.seen !== undefined) return freeze(state, arbiter, 'the record is missing');
  if (state.postgres.data !== 'empty') return freeze(state, arbiter, 'the record is missing, and this member holds data');
  const now = awakeMs(state);
  return { ...state, arbiter: { ...arbiter, vacant: true, frozen: undefined, failures: 0, answeredMs: now, readMs: now } };
}

/** Takes over what stands in the arbiter. Anything newer than we knew also kills every older request of ours. */
function accept(
  state: MemberState,
  arbiter: ArbiterView,
  seen: SeenRecord,
  asked: { readonly request: RunningRequest; readonly won: boolean },
  effects: MemberEffect[],
): MemberState {
  const now = awakeMs(state);
  const won = asked.won ? asked.request : undefined;
  const known = arbiter.seen?.record;
  if (known !== undefined && !isForward(known, seen.record)) {
    const successor = seen.record.epoch > known.epoch ? seen.record.primary : undefined;
    return freeze(state, arbiter, `the record of ${inWords(known)} cannot become that of ${inWords(seen.record)}`, successor);
  }
  const { heardSequence = 0 } = asked.request;
  if (seen.record.sequence < heardSequence)
    return freeze(state, arbiter, `${state.peer} has seen sequence ${heardSequence}, and the record shows ${seen.record.sequence}`);
  const newer = known !== undefined && seen.record.sequence > known.sequence;
  const changed = known === undefined || known.mode !== seen.record.mode || known.primary !== seen.record.primary;
  if (changed)
    effects.push({
      do: 'note',
      why: `record: ${seen.record.mode} ${seen.record.primary ?? ''} epoch ${seen.record.epoch}: ${seen.record.reason}`,
    });
  // Whoever is waited for again leaves a mark: a disk of before would not know it, and must not pass for one that has everything.
  const admittedNow = changed && won === undefined && seen.record.mode === 'sync' && seen.record.primary === state.peer;
  const claimedByPeer = seen.record.mode === 'claim' && seen.record.primary === state.peer;
  const next: MemberState = {
    ...state,
    arbiter: {
      ...arbiter,
      seen,
      settled: (arbiter.settled || won !== undefined || newer) && !admittedNow,
      frozen: undefined,
      successor: undefined,
      vacant: false,
      failures: 0,
      retryAtMs: now,
      answeredMs: now,
      readMs: now,
      settledMs: won !== undefined ? state.lastEventMs : arbiter.settledMs,
    },
    // What the other said while it led is no measure any more for who leads now.
    peerView: {
      ...state.peerView,
      replayMost: changed ? 0n : state.peerView.replayMost,
      replayedInSync: changed && seen.record.mode !== 'claim' ? 0n : state.peerView.replayedInSync,
      committed: seen.record.mode === 'solo' && seen.record.primary === state.self ? undefined : state.peerView.committed,
    },
    claimSeenMs: claimedByPeer ? (state.claimSeenMs ?? now) : undefined,
    admitted: changed ? false : state.admitted,
    logSuspicion: changed ? undefined : state.logSuspicion,
    admission: changed ? admissionAfter(state, seen, won) : state.admission,
  };
  return next;
}

const inWords = ({ sequence, epoch, primary, systemIdentifier }: PairRecord): string =>
  `sequence ${sequence}, epoch ${epoch}, primary ${primary ?? 'nobody'}, data ${systemIdentifier ?? 'unnamed'}`;

/** Both members count how often SYNC was left because they lost each other, so that a change of the lead does not begin anew. */
function admissionAfter(state: MemberState, { record }: SeenRecord, won: RunningRequest | undefined): MemberState['admission'] {
  const now = awakeMs(state);
  const known = recordOf(state);
  if (record.mode === 'sync') return entered(state.admission, now);
  if (known?.mode !== 'sync') return state.admission;
  return record.primary === known.primary || fellSilent(state, record, won) ? lost(state.admission, now) : state.admission;
}

/** Whether the lead changed because somebody who lived was not heard. One who died or handed over says nothing of the next. */
function fellSilent(state: MemberState, record: PairRecord, won: RunningRequest | undefined): boolean {
  if (record.primary !== state.self) return state.postgres.process === 'running' && state.handover === undefined;
  const reason = won?.claimed?.reason;
  return reason === 'silence' || reason === 'diskStall';
}

/**
 * Begins the story of a take-over when the record shows one by this member. `won`: the request of ours that was just carried out.
 * Without it the answer was lost, or an earlier life of the agent asked: the story is told from here on, with the record's own words.
 */
function tellTakeover(state: MemberState, record: PairRecord, won: RunningRequest | undefined): MemberState {
  if (record.primary !== state.self) return state;
  const known = recordOf(state);
  const now = awakeMs(state);
  const { epoch, reason: why } = record;
  const decidedMs = won?.sentMs ?? now;
  const flushAtClaim = state.postgres.flush;
  if (record.mode === 'claim' && state.takeover?.epoch !== epoch) {
    const { reason, lastGoodMs } = won?.claimed ?? { reason: 'resumed' as const, lastGoodMs: now };
    const lastWriteMs = state.canaries.remote.okMs;
    const { acknowledged } = state.peerView;
    return { ...state, takeover: story({ reason, lastGoodMs, why, epoch, lastWriteMs, acknowledged, decidedMs, flushAtClaim }, now) };
  }
  if (record.mode === 'solo' && known?.mode === 'claim' && known.primary !== state.self) {
    const lastGoodMs = state.claimSeenMs ?? now;
    const lastWriteMs = state.canaries.sync.okMs;
    const taken = story({ reason: 'takeBack', why, epoch, lastGoodMs, lastWriteMs, acknowledged: undefined, decidedMs, flushAtClaim }, now);
    return { ...state, takeover: { ...taken, fencedMs: now, promotedMs: now } };
  }
  return state;
}

type Told = 'reason' | 'why' | 'epoch' | 'lastGoodMs' | 'lastWriteMs' | 'acknowledged' | 'decidedMs' | 'flushAtClaim';

const story = (about: Pick<Takeover, Told>, claimedMs: number): Takeover => ({
  ...about,
  claimedMs,
  fencedMs: undefined,
  promotedMs: undefined,
  openedMs: undefined,
  firstWriteMs: undefined,
  flushAtOpen: undefined,
});
