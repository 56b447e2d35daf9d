import type { MemberEffect } from './events.ts';
import { awakeMs, recordOf } from './member-state.ts';
import type { MemberState, Reinitialisation } from './member-state.ts';

/** So long the primary is asked to let this member go; the copy here stays whole meanwhile. */
export const leaveMaxMs = 30_000;

/**
 * Follows a standby that is to be copied anew. Under SYNC it is one of two copies of everything acknowledged, so it deletes nothing: it
 * asks the primary, by its heartbeat, to lead alone, and waits until the primary says that it does and will not wait for this member
 * again. Only a settlement after that word allows the destruction (rule 4): it kills an admission that the primary asked for before.
 */
export function decideReinitialisation(state: MemberState, effects: MemberEffect[]): MemberState {
  const { reinitialisation, postgres, operation, peerView } = state;
  if (reinitialisation === undefined) return state;
  const record = recordOf(state);
  if (record?.primary === state.self) return end(state, reinitialisation, effects, false, 'the primary was lost: this member takes over');
  if (reinitialisation.stage === 'attaching') {
    if (postgres.data === 'complete' && postgres.streaming) return end(state, reinitialisation, effects, true, 'the new copy streams');
    return state;
  }
  const whole = postgres.data === 'complete' && operation?.what.do !== 'rejoin';
  if (whole && awakeMs(state) - reinitialisation.sinceMs > leaveMaxMs)
    return end(state, reinitialisation, effects, false, `the primary did not let this member go within ${leaveMaxMs} ms`);
  const letGo = record?.mode === 'solo' && peerView.heartbeat?.letsGo === reinitialisation.id;
  const letGoMs = letGo ? (reinitialisation.letGoMs ?? state.lastEventMs) : undefined;
  return letGoMs === reinitialisation.letGoMs ? state : { ...state, reinitialisation: { ...reinitialisation, letGoMs } };
}

function end(state: MemberState, { id }: Reinitialisation, effects: MemberEffect[], ok: boolean, why: string): MemberState {
  effects.push({ do: 'askEnded', id, ok, why });
  return { ...state, reinitialisation: undefined };
}
