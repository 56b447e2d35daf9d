import { inSteps } from '../pair/decide-conditions.ts';
import {
  abort,
  askAgainMaxMs,
  bentStatus,
  membersInTheWay,
  refuse,
  run,
  sinceStartMs,
  startedIn,
  startNote,
} from './operation-decision.ts';
import type { OperationDecision } from './operation-decision.ts';
import type { OperationView } from './operation-view.ts';

/** As long as the member itself gives a copy. */
const copyMaxMs = 24 * 3_600_000;
/** A member that is asked and reached says so within its next answers. */
const knownMaxMs = 60_000;

/** Whether a standby may be copied anew. It never deletes one of two copies itself: here is refused what could not end well. */
export function beginReinitialize({ operation, pair, record, members }: OperationView): OperationDecision {
  const { member = '' } = operation.spec;
  const names = members.map(({ name }) => name);
  if (!names.includes(member)) return refuse(`the pair has the members ${names.join(' and ')}, not ${member}`);
  if (record === undefined) return refuse('the pair has no record: its primary is not known');
  const { mode, primary = '', epoch } = record.spec;
  if (mode !== 'Sync' && mode !== 'Solo') return refuse(`the pair is in mode ${mode}: nobody leads who could be copied`);
  if (primary === member) return refuse(`${member} leads: only a standby is copied anew; switch over first`);
  if (mode === 'Sync' && pair?.spec.whenStandbyLost === 'Block') {
    return refuse('by whenStandbyLost: Block every write would wait until the copy is made; set it to Continue for that time');
  }
  return membersInTheWay(members) ?? { do: 'start', note: startNote(primary, epoch) };
}

/** Asks the standby, follows its copy, and waits until writes are on both members again. */
export function followReinitialize(view: OperationView): OperationDecision {
  const { operation, record, members } = view;
  const { member = '' } = operation.spec;
  const began = startedIn(view);
  if (began === undefined) return bentStatus;
  const sinceMs = sinceStartMs(view);
  const status = members.find(({ name }) => name === member)?.status;
  const told = status?.operations.find(({ id }) => id === operation.metadata.uid);
  if (told?.state === 'refused') return refuse(told.why);
  if (told?.state === 'failed') return abort(told.why);
  if (sinceMs > copyMaxMs) return abort('no end was seen in time; see the status of the pair');
  const { mode, epoch = 0 } = record?.spec ?? {};
  if (told?.state === 'done') {
    if (mode === 'Sync' || epoch > began.epoch)
      return { do: 'complete', why: `${member} has a new copy, and ${mode === 'Sync' ? 'is waited for again' : 'streams'}` };
    return run('Admission', 'copied; the primary does not wait for it yet');
  }
  if (status === undefined) return run('Copy', `the operator does not reach ${member}`);
  if (told !== undefined) return run('Copy', `${member}: ${inSteps(status.step)}`);
  if (sinceMs < askAgainMaxMs && epoch === began.epoch) return { do: 'ask', what: 'reinitialise', member, epoch };
  if (sinceMs < knownMaxMs) return run('Copy', `${member} was asked`);
  return abort(`${member} does not know of it: it was not reached in time, or forgot it; see the status of the pair`);
}
