import { awakeMs, recordOf } from './member-state.ts';
import type { MemberState } from './member-state.ts';

/**
 * Between two looks at the own PostgreSQL: rarely while everything moves by itself, since heartbeats and canaries would tell of trouble
 * first, and often as soon as anything is under way or amiss.
 */
export const lookPaceMs = { quiet: 200, alert: 50 } as const;

/** How long to wait until the next look, as things stand. */
export function lookPauseMs(state: MemberState): number {
  return isQuiet(state) ? lookPaceMs.quiet : lookPaceMs.alert;
}

/** Both members are heard and in step, and no probe hangs. */
function isQuiet(state: MemberState): boolean {
  const { postgres, peerView, canaries, limits, operation, handover } = state;
  const record = recordOf(state);
  if (record?.mode !== 'sync' || operation !== undefined || handover !== undefined || postgres.process !== 'running') return false;
  const now = awakeMs(state);
  const leads = record.primary === state.self;
  const { pendingSinceMs } = leads ? canaries.sync : canaries.remote;
  const answered = pendingSinceMs === undefined || now - pendingSinceMs <= limits.periodMs;
  const heard = peerView.link === 'connected' && now - peerView.heardMs <= 2 * limits.periodMs;
  return answered && heard && (leads ? postgres.role === 'primary' && postgres.peerAttached : postgres.streaming);
}
