import type { FailoverReport } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { pausedByAnnotation } from '../pair/pair-names.ts';
import type { FailureReason } from './operation-conditions.ts';
import type { OperatedMember, OperationView } from './operation-view.ts';

/**
 * wait      Not yet; look again when something changes, at the latest after `againMs`.
 * start     Write down that it begins, before anything is done: what begins is never begun twice by a later look.
 * ask       Ask the primary for the switchover. The same id again changes nothing there.
 * mark      Pause or resume: set or remove the mark on the pair, from which the members' settings are made.
 * run       It is under way.
 * complete  Done.
 * fail      Over, and not done.
 * remove    Finished long ago.
 */
export type OperationDecision =
  | { readonly do: 'wait'; readonly why: string; readonly againMs: number }
  | { readonly do: 'start'; readonly note: string }
  | { readonly do: 'ask'; readonly primary: string }
  | { readonly do: 'mark'; readonly paused: boolean }
  | { readonly do: 'run'; readonly why: string }
  | { readonly do: 'complete'; readonly why: string; readonly report?: FailoverReport }
  | { readonly do: 'fail'; readonly reason: FailureReason; readonly why: string }
  | { readonly do: 'remove' };

/** A switchover ends by itself well before: checkpoint, shutdown, claim. Beyond it nobody knows what became of it. */
const switchoverMaxMs = 120_000;
/** Only so long after the start is the primary asked again: later it might have forgotten that it did it already. */
const askAgainMaxMs = 20_000;
/** Members take new settings within seconds. */
const settingsMaxMs = 120_000;
/** The report comes with the next answer of the new primary. */
const reportMaxMs = 15_000;
const lookAgainMs = 5_000;
/** A new leader asks the members within its first seconds; `notAfter` bounds the wait. */
const unaskedAgainMs = 1_000;

export function decideOperation(view: OperationView): OperationDecision {
  const { operation, nowMs } = view;
  const { status, spec } = operation;
  if (isFinished(operation)) return afterwards(operation, nowMs);
  if (status?.startedAt !== undefined) return spec.type === 'Switchover' ? followSwitchover(view) : followPause(view);
  if (nowMs > Date.parse(spec.notAfter)) return fail('Expired', `it had not begun by ${spec.notAfter}`);
  if (view.pair === undefined) return wait(`there is no FailoverPair ${spec.pairRef.name} yet`, view);
  if (view.pair.metadata.deletionTimestamp !== undefined) return fail('Refused', `the pair ${spec.pairRef.name} is being deleted`);
  const [first] = view.before;
  if (first !== undefined) return wait(`${first} came first and is not finished`, view);
  return spec.type === 'Switchover' ? beginSwitchover(view) : beginPause(view, view.pair);
}

export function isFinished({ status }: PairOperation): boolean {
  return status?.conditions?.some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True') ?? false;
}

function beginSwitchover({ operation, pair, record, members }: OperationView): OperationDecision {
  const { member } = operation.spec;
  const names = members.map(({ name }) => name);
  if (member === undefined || !names.includes(member))
    return fail('Refused', `the pair has the members ${names.join(' and ')}, not ${String(member)}`);
  if (record === undefined) return fail('Refused', 'the pair has no record: its primary is not known');
  const { mode, primary, epoch } = record.spec;
  if (primary === member && (mode === 'Sync' || mode === 'Solo')) return fail('Refused', `${member} is the primary already`);
  if (mode !== 'Sync') return fail('Refused', `the pair is in mode ${mode}: only in Sync does ${member} have everything`);
  if (pair !== undefined && (pair.spec.paused || pair.metadata.annotations?.[pausedByAnnotation] !== undefined)) {
    return fail('Refused', 'the pair is paused: resume it first');
  }
  const unasked = members.filter(({ asked }) => !asked).map(({ name }) => name);
  if (unasked.length > 0) return { do: 'wait', why: `${unasked.join(' and ')} has not been asked yet`, againMs: unaskedAgainMs };
  const silent = members.filter(({ status }) => status === undefined).map(({ name }) => name);
  if (silent.length > 0) return fail('Refused', `the operator does not reach ${silent.join(' and ')}`);
  const cutOff = members.filter(({ status }) => status?.arbiterReached === false).map(({ name }) => name);
  if (cutOff.length > 0) return fail('Refused', `${cutOff.join(' and ')} does not reach the arbiter`);
  const blocked = memberOf(members, primary)?.status?.blockedBy;
  if (blocked !== undefined) return fail('Refused', blocked);
  return { do: 'start', note: startNote(primary ?? '', epoch) };
}

/** The epoch at the start is kept in the words of the first step: a result is one of a higher epoch. */
const startNote = (primary: string, epoch: number): string => `from ${primary} in epoch ${epoch}`;

function startedIn({ status }: PairOperation): { readonly primary: string; readonly epoch: number } | undefined {
  const found = /^from ([a-z0-9]+) in epoch (\d+)$/.exec(status?.steps?.[0]?.message ?? '');
  return found === null ? undefined : { primary: found[1] ?? '', epoch: Number(found[2]) };
}

function followSwitchover({ operation, record, members, nowMs }: OperationView): OperationDecision {
  const { spec, metadata } = operation;
  const began = startedIn(operation);
  const sinceMs = nowMs - Date.parse(operation.status?.startedAt ?? '');
  if (began === undefined) return fail('Aborted', 'its own status was changed by somebody else; see the status of the pair');
  const { mode, primary, epoch } = record?.spec ?? {};
  if (epoch !== undefined && epoch > began.epoch && mode !== 'Claim') {
    if (primary !== spec.member) return fail('Aborted', `${String(primary)} leads in epoch ${epoch}: the switchover was overtaken`);
    const report = members.flatMap(({ status }) => status?.failovers ?? []).find((each) => each.epoch === epoch);
    if (report === undefined && sinceMs < switchoverMaxMs && reportDueMs(record?.spec.changedAt, nowMs) < reportMaxMs) {
      return { do: 'run', why: `${primary ?? ''} leads; its report is awaited` };
    }
    return { do: 'complete', why: `${primary ?? ''} leads in epoch ${epoch}`, ...(report === undefined ? {} : { report }) };
  }
  const told = members.flatMap(({ status }) => status?.switchovers ?? []).find(({ id }) => id === metadata.uid);
  if (told?.state === 'refused') return fail('Refused', told.why);
  if (sinceMs > switchoverMaxMs) return fail('Aborted', 'no end was seen in time; see the status of the pair');
  if (told === undefined && epoch === began.epoch && sinceMs < askAgainMaxMs) return { do: 'ask', primary: began.primary };
  return { do: 'run', why: told === undefined ? 'the primary was asked' : `the primary says: ${told.why}` };
}

function reportDueMs(changedAt: string | undefined, nowMs: number): number {
  const ms = nowMs - Date.parse(changedAt ?? '');
  return Number.isFinite(ms) ? ms : Infinity;
}

function beginPause({ operation }: OperationView, pair: FailoverPair): OperationDecision {
  if (operation.spec.type === 'Resume' && pair.spec.paused) {
    return fail('Refused', 'spec.paused of the pair is true, and an operation does not change a spec: set it to false');
  }
  return { do: 'start', note: operation.spec.type === 'Pause' ? 'no failover from now on' : 'failover again from now on' };
}

function followPause({ operation, pair, members, nowMs }: OperationView): OperationDecision {
  const paused = operation.spec.type === 'Pause';
  const sinceMs = nowMs - Date.parse(operation.status?.startedAt ?? '');
  if (pair === undefined) return fail('Aborted', 'the pair is gone');
  const isMarked = pair.metadata.annotations?.[pausedByAnnotation] !== undefined;
  if (isMarked !== paused) {
    if (sinceMs > settingsMaxMs) return fail('Aborted', 'the mark of the pair could not be set, or somebody took it back');
    return { do: 'mark', paused };
  }
  const open = members.filter((member) => !hasTaken(member, paused)).map(({ name }) => name);
  if (open.length === 0) return { do: 'complete', why: paused ? 'both members make no failover' : 'both members may fail over again' };
  if (sinceMs > settingsMaxMs) {
    return fail('Aborted', `${open.join(' and ')} has not confirmed; the wish stands and reaches it when it is back`);
  }
  return { do: 'run', why: `${open.join(' and ')} has not confirmed yet` };
}

function hasTaken({ status, held }: OperatedMember, paused: boolean): boolean {
  return held?.paused === paused && status?.settingsRevision === held.revision;
}

function afterwards({ spec, status }: PairOperation, nowMs: number): OperationDecision {
  const ttlMs = parseDurationMs(spec.ttlAfterFinished) ?? Infinity;
  const leftMs = Date.parse(status?.completedAt ?? '') + ttlMs - nowMs;
  if (leftMs <= 0) return { do: 'remove' };
  return { do: 'wait', why: '', againMs: Number.isFinite(leftMs) ? Math.min(leftMs, longestMs) : longestMs };
}

/** A timer of a day at most: what is further away is looked at again then. */
const longestMs = 86_400_000;

function memberOf(members: readonly OperatedMember[], name: string | undefined): OperatedMember | undefined {
  return members.find((member) => member.name === name);
}

function wait(why: string, { operation, nowMs }: OperationView): OperationDecision {
  const leftMs = Date.parse(operation.spec.notAfter) - nowMs + 1_000;
  return { do: 'wait', why, againMs: Math.min(Math.max(leftMs, 1_000), lookAgainMs) };
}

function fail(reason: FailureReason, why: string): OperationDecision {
  return { do: 'fail', reason, why };
}
