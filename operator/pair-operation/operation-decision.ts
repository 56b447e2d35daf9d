import type { AskedOperation, FailoverReport } from '#agents/member/contract.ts';
import type { FailureReason } from './operation-conditions.ts';
import type { OperatedMember, OperationView } from './operation-view.ts';

/** What an operation goes through, as its status lists it. Each kind has some of them. */
export type OperationStep = 'Begin' | 'Ask' | 'TakeOver' | 'Report' | 'Copy' | 'Admission' | 'Settings' | 'End';

/**
 * wait      Not yet; look again when something changes, at the latest after `againMs`.
 * start     Write down that it begins, before anything is done: what begins is never begun twice by a later look.
 * ask       Ask a member, for this epoch only. The same id again changes nothing there.
 * mark      Pause or resume: set or remove the mark on the pair, from which the members' settings are made.
 * run       It is under way.
 * complete  Done.
 * fail      Over, and not done.
 * remove    Finished long ago.
 */
export type OperationDecision =
  | { readonly do: 'wait'; readonly why: string; readonly againMs: number }
  | { readonly do: 'start'; readonly note: string }
  | { readonly do: 'ask'; readonly what: AskedOperation; readonly member: string; readonly epoch: number }
  | { readonly do: 'mark'; readonly paused: boolean }
  | { readonly do: 'run'; readonly step: OperationStep; readonly why: string }
  | { readonly do: 'complete'; readonly why: string; readonly report?: FailoverReport }
  | { readonly do: 'fail'; readonly reason: FailureReason; readonly why: string }
  | { readonly do: 'remove' };

/** Only so long after the start a member is asked: later it might have forgotten, among many others, that it was asked before. */
export const askAgainMaxMs = 20_000;

/** A new leader of the operator asks the members within its first seconds; `notAfter` bounds the wait. */
const unaskedAgainMs = 1_000;

/** The epoch at the start is kept in the words of the first step: a result is one of a higher epoch. */
export const startNote = (primary: string, epoch: number): string => `from ${primary} in epoch ${epoch}`;

/** Who led, and in which epoch, when it began. Undefined when somebody changed the status. */
export function startedIn({
  operation,
}: Pick<OperationView, 'operation'>): { readonly primary: string; readonly epoch: number } | undefined {
  const found = /^from ([a-z0-9]+) in epoch (\d+)$/.exec(operation.status?.steps?.[0]?.message ?? '');
  return found === null ? undefined : { primary: found[1] ?? '', epoch: Number(found[2]) };
}

export const bentStatus: OperationDecision = {
  do: 'fail',
  reason: 'Aborted',
  why: 'its own status was changed by somebody else; see the status of the pair',
};

/** Time since it began. */
export function sinceStartMs({ operation, nowMs }: OperationView): number {
  return nowMs - Date.parse(operation.status?.startedAt ?? '');
}

/** Why members stand in the way of anything that needs both: not asked yet, silent, or without their arbiter. */
export function membersInTheWay(members: readonly OperatedMember[]): OperationDecision | undefined {
  const named = (which: (member: OperatedMember) => boolean): string =>
    members
      .filter(which)
      .map(({ name }) => name)
      .join(' and ');
  const unasked = named(({ asked }) => !asked);
  if (unasked !== '') return { do: 'wait', why: `not asked yet: ${unasked}`, againMs: unaskedAgainMs };
  const silent = named(({ status }) => status === undefined);
  if (silent !== '') return refuse(`the operator does not reach ${silent}`);
  const cutOff = named(({ status }) => status?.arbiterReached === false);
  return cutOff === '' ? undefined : refuse(`the arbiter is not reached by ${cutOff}`);
}

export function refuse(why: string): OperationDecision {
  return { do: 'fail', reason: 'Refused', why };
}

export function abort(why: string): OperationDecision {
  return { do: 'fail', reason: 'Aborted', why };
}

export function run(step: OperationStep, why: string): OperationDecision {
  return { do: 'run', step, why };
}
