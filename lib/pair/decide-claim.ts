import { awakeMs, recordOf } from './member-state.ts';
import type { MemberState, TakeoverReason } from './member-state.ts';

/** Whether the standby should take over now, and why. A verdict is a value: the claim itself may still lose. */
export type ClaimVerdict =
  | { readonly do: 'claim'; readonly reason: TakeoverReason; readonly why: string; readonly lastGoodMs: number }
  | { readonly do: 'hold'; readonly why: string };

const hold = (why: string): ClaimVerdict => ({ do: 'hold', why });

/** What the standby concludes from its two signals and the data path. */
export function decideClaim(state: MemberState): ClaimVerdict {
  const record = recordOf(state);
  if (record === undefined || record.mode !== 'sync' || record.primary !== state.peer)
    return hold('the record does not let this member claim');
  if (state.postgres.data !== 'complete') return hold('the own data has no proof of completeness');
  if (state.postgres.process !== 'running' || state.postgres.role !== 'standby') return hold('the own PostgreSQL is not a running standby');
  // It answers nobody yet: a claim would depose a primary that may be back first, and promote nothing sooner.
  if (state.operation?.what.do === 'startStandby') return hold('the own PostgreSQL is being started');
  const { heartbeat, link, heardMs } = state.peerView;
  // It may have led on by a record that the arbiter has lost, and that nobody here has seen.
  if (heartbeat?.standing?.frozen === true) return hold('the other member did not believe the record when it was heard last');
  const now = awakeMs(state);
  const silentMs = now - heardMs;
  const fresh = state.peerView.heardAtMs >= state.peerView.freshFromMs;
  const heard = link === 'connected' && fresh && silentMs < state.limits.suspectAfterMs;
  const about = heartbeat?.record;
  const current = about !== undefined && about.epoch === record.epoch;
  if (heard && current && heartbeat?.handingOver === true) {
    return { do: 'claim', reason: 'switchover', why: 'the primary has stopped its PostgreSQL and hands over', lastGoodMs: heardMs };
  }
  if (state.paused) return hold('automatic failover is paused');
  if (heard && current && heartbeat?.postgres === 'dead') {
    return { do: 'claim', reason: 'processDeath', why: 'the primary says that its PostgreSQL died', lastGoodMs: heardMs };
  }
  return decideSilence(state, now, silentMs);
}

function decideSilence(state: MemberState, now: number, silentMs: number): ClaimVerdict {
  const { limits, peerView } = state;
  const { remote } = state.canaries;
  const lastGoodMs = Math.max(peerView.heardMs, remote.okMs);
  const canarySilentMs = now - remote.answeredMs;
  const unwrittenMs = now - remote.okMs;
  if (peerView.link === 'refused' && remote.last === 'refused' && !state.postgres.streaming) {
    return {
      do: 'claim',
      reason: 'processDeath',
      why: 'agent, SQL and stream of the primary ended and refuse new connections',
      lastGoodMs,
    };
  }
  if (silentMs >= limits.suspectAfterMs && canarySilentMs >= limits.suspectAfterMs) {
    const why = `heartbeat silent for ${Math.round(silentMs)} ms and remote canary for ${Math.round(canarySilentMs)} ms`;
    return { do: 'claim', reason: 'silence', why, lastGoodMs };
  }
  if (silentMs >= limits.suspectAfterMs) return hold('path lost: only the heartbeat is silent');
  const staleMs = peerView.heartbeat?.localCanaryAgeMs ?? 0;
  const flushStillMs = now - peerView.flushMovedMs;
  const stale = limits.canaryStaleAfterMs;
  if (unwrittenMs >= stale && staleMs >= stale && flushStillMs >= stale) {
    if (peerView.heartbeat?.stopping === true) {
      const why = `the primary hands over, and its PostgreSQL takes more than ${Math.round(unwrittenMs)} ms to stop`;
      return { do: 'claim', reason: 'switchover', why, lastGoodMs: remote.okMs };
    }
    const word = peerView.heartbeat?.postgres;
    if (word !== 'running') {
      const why = `the primary's PostgreSQL does not run, and ${word === 'starting' ? 'is still being started' : 'is not started'} after ${Math.round(unwrittenMs)} ms`;
      return { do: 'claim', reason: 'processDeath', why, lastGoodMs: remote.okMs };
    }
    const why = `the primary's disk hangs: its canary is ${Math.round(staleMs)} ms old and its WAL stood still for ${Math.round(flushStillMs)} ms`;
    return { do: 'claim', reason: 'diskStall', why, lastGoodMs: remote.okMs };
  }
  if (canarySilentMs >= limits.suspectAfterMs) return hold('path lost: only the remote canary is silent');
  return hold('the primary is well');
}

/** Which of the two paths to the peer work, for metrics and the condition. */
export function pathsOf(state: MemberState): { readonly heartbeat: boolean; readonly sql: boolean } {
  const now = awakeMs(state);
  return {
    heartbeat: state.peerView.link === 'connected' && now - state.peerView.heardMs < state.limits.suspectAfterMs,
    sql: now - state.canaries.remote.answeredMs < state.limits.suspectAfterMs,
  };
}
