import type { AskEnd, MemberEffect } from './events.ts';
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
  if (record?.primary === state.self)
    return end(state, reinitialisation, effects, 'failed', 'the primary was lost: this member takes over');
  if (reinitialisation.stage === 'attaching') {
    if (postgres.data === 'complete' && postgres.streaming) return end(state, reinitialisation, effects, 'done', 'the new copy streams');
    return state;
  }
  if (operation?.what.do === 'rejoin') return state;
  // The copy broke off, or there was none: what is left is brought back like any member without its proof, and that is a copy.
  if (postgres.data !== 'complete') return { ...state, reinitialisation: { ...reinitialisation, stage: 'attaching' } };
  if (awakeMs(state) - reinitialisation.sinceMs > leaveMaxMs)
    return end(state, reinitialisation, effects, 'failed', `the primary did not let this member go within ${leaveMaxMs} ms`);
  const letGo = record?.mode === 'solo' && peerView.heartbeat?.letsGo === reinitialisation.id;
  const letGoMs = letGo ? (reinitialisation.letGoMs ?? state.lastEventMs) : undefined;
  return letGoMs === reinitialisation.letGoMs ? state : { ...state, reinitialisation: { ...reinitialisation, letGoMs } };
}

function end(state: MemberState, { id }: Reinitialisation, effects: MemberEffect[], as: AskEnd, why: string): MemberState {
  effects.push({ do: 'askEnded', id, as, why });
  return { ...state, reinitialisation: undefined };
}
