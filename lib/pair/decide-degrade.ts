import { awakeMs, lastingMs, recordOf } from './member-state.ts';
import type { MemberState } from './member-state.ts';
import { isStandbyStarting } from './own-log.ts';

/** Whether the synchronous primary should go on alone. */
export type DegradeVerdict = { readonly do: 'degrade'; readonly why: string } | { readonly do: 'hold'; readonly why: string };

const hold = (why: string): DegradeVerdict => ({ do: 'hold', why });

/** What the primary concludes when its commits hang: is the standby lost, slow, or is it the own disk? */
export function decideDegrade(state: MemberState): DegradeVerdict {
  const record = recordOf(state);
  if (record === undefined || record.mode !== 'sync' || record.primary !== state.self) return hold('the record does not say sync');
  if (state.postgres.process !== 'running' || state.postgres.role !== 'primary') return hold('the own PostgreSQL is not a running primary');
  if (state.handover !== undefined && state.handover.stage !== 'checkpointing') return hold('a switchover is under way');
  if (state.logSuspicion !== undefined) return hold('the standby has what the log of this member lacks');
  if (state.whenStandbyLost === 'block') return decideRemaking(state);
  const { limits } = state;
  const { local, sync } = state.canaries;
  const now = awakeMs(state);
  if (now - local.answeredMs >= limits.degradeAfterMs) return hold('the own disk does not answer: alone it would be no better');
  const { heartbeat, heardMs } = state.peerView;
  if (heartbeat?.leaving !== undefined && heartbeat.record?.epoch === record.epoch && now - heardMs < limits.degradeAfterMs)
    return { do: 'degrade', why: 'the standby is to be copied anew, as was asked' };
  const stuckMs = lastingMs(state, sync.pendingSinceMs);
  if (stuckMs < limits.degradeAfterMs) return hold('synchronous commits pass');
  const silentMs = now - state.peerView.heardMs;
  if (!state.recoveryShared && isStandbyStarting(state)) return hold('the standby is being started');
  const detachedMs = lastingMs(state, state.peerDetachedSinceMs);
  if (silentMs >= limits.degradeAfterMs)
    return { do: 'degrade', why: `commits wait and the standby is silent for ${Math.round(silentMs)} ms` };
  if (detachedMs >= limits.degradeAfterMs)
    return { do: 'degrade', why: `commits wait and the standby's stream is gone for ${Math.round(detachedMs)} ms` };
  const stillMs = now - state.peerFlushMovedMs;
  if (stillMs >= limits.canaryStaleAfterMs && stuckMs >= limits.canaryStaleAfterMs) {
    return { do: 'degrade', why: `commits wait and the standby flushed nothing for ${Math.round(stillMs)} ms` };
  }
  if (stuckMs >= limits.degradeSlowAfterMs)
    return { do: 'degrade', why: `commits wait for ${Math.round(stuckMs)} ms behind a slow standby` };
  return hold('the standby is slow, not lost');
}

/**
 * By choice writes wait for two copies, so the record stays SYNC, in which the standby may claim, for as long as the standby can come
 * back by itself. One that must be copied or rewound needs a leader that says it is alone; nothing is acknowledged by that.
 */
function decideRemaking(state: MemberState): DegradeVerdict {
  const { heartbeat, link, heardMs } = state.peerView;
  const now = awakeMs(state);
  if (link !== 'connected' || now - heardMs >= state.limits.suspectAfterMs || heartbeat === undefined)
    return hold('writes wait for two copies by choice');
  if (heartbeat.data !== 'complete')
    return { do: 'degrade', why: 'the standby has no complete copy: it is copied anew, and writes wait for it by choice' };
  const detachedMs = lastingMs(state, state.peerDetachedSinceMs);
  if (detachedMs >= state.limits.attachWithinMs)
    return {
      do: 'degrade',
      why: 'the standby is heard and does not find into the stream: it is made anew, and writes wait for it by choice',
    };
  return hold('writes wait for two copies by choice');
}

/** Whether the own disk hangs: the local canary is stuck and the WAL flush position stands still. The member then calls itself unhealthy. */
export function isStalled(state: MemberState): boolean {
  const { process, role } = state.postgres;
  if (process !== 'running' || role !== 'primary') return false;
  const now = awakeMs(state);
  const { pendingSinceMs } = state.canaries.local;
  const stale = state.limits.canaryStaleAfterMs;
  return pendingSinceMs !== undefined && now - pendingSinceMs >= stale && now - state.flushMovedMs >= stale;
}
