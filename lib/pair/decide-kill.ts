import type { AskEnd, MemberEffect } from './events.ts';
import { awakeMs, recordOf } from './member-state.ts';
import type { Kill, MemberState } from './member-state.ts';

/** Until a killed primary is taken over, or serves again because it was not, nobody waits longer. */
export const killMaxMs = 30_000;

/** Follows a drill: how its own death ended is told when the record, or the own PostgreSQL that runs again, shows it. */
export function decideKill(state: MemberState, effects: MemberEffect[]): MemberState {
  const { kill, postgres, operation } = state;
  if (kill === undefined) return state;
  const record = recordOf(state);
  if (record?.primary !== state.self) return end(state, kill, effects, 'done', 'the standby took over');
  if (record.mode !== 'sync') return end(state, kill, effects, 'failed', 'the standby was lost: this member leads alone');
  if (kill.died && postgres.process === 'running' && operation === undefined)
    return end(state, kill, effects, 'failed', 'the standby did not take over, and PostgreSQL runs here again');
  if (awakeMs(state) - kill.sinceMs > killMaxMs) return end(state, kill, effects, 'failed', `no end of it was seen within ${killMaxMs} ms`);
  return kill.died || postgres.process === 'running' ? state : { ...state, kill: { ...kill, died: true } };
}

function end(state: MemberState, { id }: Kill, effects: MemberEffect[], as: AskEnd, why: string): MemberState {
  effects.push({ do: 'askEnded', id, as, why });
  return { ...state, kill: undefined };
}
