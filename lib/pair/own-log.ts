import { awakeMs, recordOf } from './member-state.ts';
import type { LocalPostgres, LogSuspicion, MemberState } from './member-state.ts';

/** So many looks in a row must find the same. The first may have begun before the standby said how far it is. */
const provenLooks = 3;

/**
 * Whether the own log ends before that of the standby. A primary sends what it has flushed, and nothing else, so its log was longer once:
 * recovery took a damaged record for the end of it, of which PostgreSQL says nothing. What is shorter by less than this member writes by
 * itself before it is looked at, some kilobytes, is not seen.
 *
 * Positions are compared without timelines: a standby that is waited for is on the primary's, though until it streams PostgreSQL may
 * name the one of its last checkpoint.
 */
export function isCutShort({ logSuspicion }: Pick<MemberState, 'logSuspicion'>): boolean {
  return logSuspicion !== undefined && logSuspicion.looks >= provenLooks;
}

/** What a look at the own server says about that. Once it is proven only another record, or another start of the agent, ends it. */
export function suspicionAfter(state: MemberState, seen: LocalPostgres): LogSuspicion | undefined {
  const { logSuspicion: before, peerView } = state;
  if (isCutShort(state)) return before;
  if (!isToLead(state) || seen.process !== 'running' || seen.role !== 'primary' || seen.names === 'unknown') return undefined;
  // A look that failed shows the picture of the one before, and the standby has gone on meanwhile.
  if (seen.look === state.postgres.look) return before;
  if (before !== undefined) return seen.flush >= before.lsn ? undefined : { ...before, looks: before.looks + 1 };
  return peerView.replayedInSync > seen.flush ? { lsn: peerView.replayedInSync, looks: 1 } : undefined;
}

/** The suspicion when the own log was read before anything was started, and ends before what the standby has replayed. */
export const proven = (lsn: bigint): LogSuspicion => ({ lsn, looks: provenLooks });

/** How far the own log must be readable before a start: as far as the standby has said that it has replayed. */
export function replayHeard({ peerView }: MemberState): { readonly atLeast?: bigint } {
  return peerView.replayedInSync > 0n ? { atLeast: peerView.replayedInSync } : {};
}

/** Whether the standby is being started: it may have more of the log than is left here, and says so as soon as it runs. */
export function isStandbyStarting(state: MemberState): boolean {
  const { heartbeat, heardMs } = state.peerView;
  const heard = awakeMs(state) - heardMs < state.limits.degradeAfterMs;
  return heard && heartbeat?.role === 'standby' && heartbeat.data === 'complete' && heartbeat.postgres === 'starting';
}

/** Whether this agent has only begun to listen: what the standby has of the log it would say within some periods. */
export function isListening(state: MemberState): boolean {
  return state.peerView.replayedInSync === 0n && awakeMs(state) - state.startedMs < state.limits.suspectAfterMs;
}

/** As the synchronous primary, or as the deposed member that takes a claim back: what the standby has replayed was here before. */
function isToLead(state: MemberState): boolean {
  const record = recordOf(state);
  return (record?.mode === 'sync' && record.primary === state.self) || (record?.mode === 'claim' && record.primary === state.peer);
}
