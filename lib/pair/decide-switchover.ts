import { unreachable } from '#lib/base/invariant.ts';
import { canAdmit } from './admission.ts';
import type { AskEnd, MemberEffect } from './events.ts';
import { awakeMs, lastingMs, recordOf } from './member-state.ts';
import type { Handover, MemberState } from './member-state.ts';

/** After the primary has stopped its PostgreSQL: so long it waits for the standby's claim before it starts again itself. */
export const claimExpectedMs = 3_000;

/** The checkpoint before the shutdown may take long on a slow disk; traffic goes on meanwhile. */
export const checkpointMaxMs = 60_000;

/** A fast shutdown with its own checkpoint, short after the one before. */
export const stopMaxMs = 10_000;

/** Moves a switchover under way from stage to stage, and ends it with a reason when it was won, lost or takes too long. */
export function decideSwitchover(state: MemberState, effects: MemberEffect[]): MemberState {
  const { handover } = state;
  if (handover === undefined) return state;
  const record = recordOf(state);
  if (record?.primary !== state.self) return end(state, handover, effects, 'done', 'the standby took over');
  if (record.mode !== 'sync') return end(state, handover, effects, 'failed', 'the standby was lost: the pair is not synchronous any more');
  const now = awakeMs(state);
  const idle = state.operation === undefined;
  const forMs = now - handover.sinceMs;
  switch (handover.stage) {
    case 'checkpointing':
      if (state.postgres.process === 'down') return end(state, handover, effects, 'failed', 'PostgreSQL ended during the checkpoint');
      if (isStandbyLost(state)) return end(state, handover, effects, 'failed', 'the standby was lost during the checkpoint');
      if (forMs > checkpointMaxMs) return end(state, handover, effects, 'failed', `the checkpoint took longer than ${checkpointMaxMs} ms`);
      return state;
    case 'stopping':
      if (idle && state.postgres.process === 'running' && !canAdmit(state))
        return end(state, handover, effects, 'failed', 'the standby was not there at the last moment, and nothing was stopped');
      if (idle && state.postgres.process === 'down')
        return { ...state, handover: { ...handover, stage: 'waiting', sinceMs: now }, diedMs: undefined };
      if (forMs > stopMaxMs) return end(state, handover, effects, 'failed', `PostgreSQL did not stop within ${stopMaxMs} ms`);
      return state;
    case 'waiting':
      if (forMs > claimExpectedMs) return end(state, handover, effects, 'failed', `the standby did not claim within ${claimExpectedMs} ms`);
      return state;
    default:
      return unreachable(handover.stage);
  }
}

/** The same signs, and the same patience, as for going on alone. */
function isStandbyLost(state: MemberState): boolean {
  const { peerDetachedSinceMs, peerView, limits } = state;
  const now = awakeMs(state);
  const detachedMs = lastingMs(state, peerDetachedSinceMs);
  return detachedMs >= limits.degradeAfterMs || now - peerView.heardMs >= limits.degradeAfterMs;
}

function end(state: MemberState, handover: Handover, effects: MemberEffect[], as: AskEnd, why: string): MemberState {
  effects.push({ do: 'askEnded', id: handover.id, as, why });
  return { ...state, handover: undefined };
}
