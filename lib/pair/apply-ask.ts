import { canAdmit } from './admission.ts';
import type { MemberEffect } from './events.ts';
import { awakeMs, recordOf } from './member-state.ts';
import type { MemberState } from './member-state.ts';

/** Begins what a person asked for, or refuses it with every reason at once. Nothing is done for what is refused. */
type Ask = (state: MemberState, id: string, effects: MemberEffect[]) => MemberState;

/** Asked of the primary: hand the lead over to the standby. */
export const askSwitchover: Ask = (state, id, effects) => {
  const problems = leaderProblems(state, 'hands over');
  if (!state.postgres.peerAttached) problems.push('the standby does not stream');
  if (state.handover !== undefined) problems.push('another switchover is under way');
  if (problems.length > 0) return refuse(state, id, problems, effects);
  return { ...state, handover: { id, stage: 'checkpointing', sinceMs: awakeMs(state) } };
};

/** Asked of the primary: kill the own PostgreSQL, to see the standby take over. Only when it surely can. */
export const askKill: Ask = (state, id, effects) => {
  const problems = leaderProblems(state, 'is killed for a drill');
  const { process, role, names } = state.postgres;
  if (process !== 'running' || role !== 'primary' || names !== 'peer') problems.push('PostgreSQL does not wait for the standby');
  if (!canAdmit(state)) problems.push('the standby does not stream, or is not heard');
  if (state.paused) problems.push('the pair is paused: the standby would not take over');
  if (state.handover !== undefined) problems.push('a switchover is under way');
  if (state.operation !== undefined) problems.push('an operation on PostgreSQL is under way');
  if (problems.length > 0) return refuse(state, id, problems, effects);
  effects.push({ do: 'killPostgres', id });
  return { ...state, kill: { id, sinceMs: awakeMs(state), died: false } };
};

/** Asked of the standby: be copied anew from the primary. */
export const askReinitialise: Ask = (state, id, effects) => {
  const problems = arbiterProblems(state);
  const record = recordOf(state);
  const { heartbeat, heardMs, link } = state.peerView;
  const heard = link === 'connected' && awakeMs(state) - heardMs < state.limits.suspectAfterMs;
  if (record?.primary === state.self) problems.push('this member leads: only a standby is copied anew');
  else if (record?.mode !== 'sync' && record?.mode !== 'solo') problems.push('nobody leads who could be copied');
  else if (record.mode === 'sync' && state.whenStandbyLost === 'block') {
    problems.push('by whenStandbyLost every write would wait until the copy is made');
  }
  if (!heard || heartbeat?.postgres !== 'running' || heartbeat.role !== 'primary') problems.push('the primary is not heard to serve');
  if (state.operation?.what.do === 'rejoin') problems.push('this member is being brought back already');
  if (state.reinitialisation !== undefined) problems.push('it is being copied anew already');
  if (problems.length > 0) return refuse(state, id, problems, effects);
  return { ...state, reinitialisation: { id, stage: 'leaving', sinceMs: awakeMs(state), letGoMs: undefined } };
};

function leaderProblems(state: MemberState, what: string): string[] {
  const record = recordOf(state);
  const problems: string[] = [];
  if (record?.mode !== 'sync' || record.primary !== state.self) problems.push(`only the primary of a pair in mode SYNC ${what}`);
  problems.push(...arbiterProblems(state));
  if (state.kill !== undefined) problems.push('a drill is under way');
  if (state.peerView.heartbeat?.leaving !== undefined) problems.push('the standby is to be copied anew');
  return problems;
}

function arbiterProblems({ arbiter }: MemberState): string[] {
  if (arbiter.frozen !== undefined) return [`the member is frozen: ${arbiter.frozen}`];
  return arbiter.settled && arbiter.failures === 0 ? [] : ['the arbiter is not reached'];
}

function refuse(state: MemberState, id: string, problems: readonly string[], effects: MemberEffect[]): MemberState {
  effects.push({ do: 'askEnded', id, as: 'refused', why: problems.join('; ') });
  return state;
}
