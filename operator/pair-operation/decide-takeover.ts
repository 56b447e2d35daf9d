import type { FailoverReport } from '#agents/member/contract.ts';
import { isPaused } from '../pair/paused.ts';
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
import type { OperatedMember, OperationView } from './operation-view.ts';

/** Either ends by itself well before: checkpoint, shutdown or death, claim. Beyond it nobody knows what became of it. */
const takeoverMaxMs = 120_000;
/** The report comes with one of the next answers of the new primary. */
const reportMaxMs = 15_000;

/** Whether a Switchover or KillPrimary may begin now. */
export function beginTakeover(view: OperationView): OperationDecision {
  const { operation, pair, record, members } = view;
  const { member, type } = operation.spec;
  const names = members.map(({ name }) => name);
  if (type === 'Switchover' && (member === undefined || !names.includes(member)))
    return refuse(`the pair has the members ${names.join(' and ')}, not ${String(member)}`);
  if (record === undefined) return refuse('the pair has no record: its primary is not known');
  const { mode, primary = '', epoch } = record.spec;
  const standby = names.find((name) => name !== primary) ?? '';
  if (primary === member && (mode === 'Sync' || mode === 'Solo')) return refuse(`${member} is the primary already`);
  if (mode !== 'Sync') return refuse(`the pair is in mode ${mode}: only in Sync does ${member ?? standby} have everything`);
  if (pair !== undefined && isPaused(pair)) return refuse('the pair is paused: resume it first');
  const inTheWay = membersInTheWay(members);
  if (inTheWay !== undefined) return inTheWay;
  const blocked = memberOf(members, primary)?.status?.blockedBy;
  if (blocked !== undefined) return refuse(blocked);
  return (type === 'KillPrimary' ? lossPossible(view) : undefined) ?? { do: 'start', note: startNote(primary, epoch) };
}

/** A primary is killed only while the pair says of itself that this loses nothing. */
function lossPossible({ pair }: OperationView): OperationDecision | undefined {
  const condition = pair?.status?.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible');
  if (condition?.status === 'True') return undefined;
  if (condition === undefined) return refuse('nobody has said yet that a failover loses nothing');
  return refuse(`a failover could lose something or not happen, ${condition.reason}: ${condition.message}`);
}

/** Asks the primary, and waits until the other member leads and has told its story. */
export function followTakeover(view: OperationView): OperationDecision {
  const { operation, record, members, nowMs } = view;
  const { metadata, spec } = operation;
  const began = startedIn(view);
  if (began === undefined) return bentStatus;
  const sinceMs = sinceStartMs(view);
  const wanted = spec.member ?? members.find(({ name }) => name !== began.primary)?.name;
  const { mode, primary = '', epoch } = record?.spec ?? {};
  if (epoch !== undefined && epoch > began.epoch && mode !== 'Claim') {
    if (primary !== wanted) return abort(`${primary} leads in epoch ${epoch}: it was overtaken`);
    const report = members.flatMap(({ status }) => status?.failovers ?? []).find((each) => each.epoch === epoch);
    if (report === undefined && sinceMs < takeoverMaxMs && ageMs(record?.spec.changedAt, nowMs) < reportMaxMs) {
      return run('Report', `${primary} leads; its report is awaited`);
    }
    const leads = `${primary} leads in epoch ${epoch}`;
    return report === undefined ? { do: 'complete', why: leads } : { do: 'complete', why: `${leads}; ${inWords(report)}`, report };
  }
  const told = members.flatMap(({ status }) => status?.operations ?? []).find(({ id }) => id === metadata.uid);
  if (told?.state === 'refused') return refuse(told.why);
  if (told?.state === 'failed') return abort(told.why);
  if (sinceMs > takeoverMaxMs) return abort('no end was seen in time; see the status of the pair');
  if (told === undefined && epoch === began.epoch && sinceMs < askAgainMaxMs) {
    return { do: 'ask', what: spec.type === 'KillPrimary' ? 'kill' : 'switchover', member: began.primary, epoch };
  }
  return run('TakeOver', told === undefined ? 'the primary was asked' : `the primary says: ${told.why}`);
}

/** Measured outage and positions, from which everybody can see that nothing is lost. */
function inWords({ outageMs, positionAcknowledged, positionAtClaim, positionAtOpen }: FailoverReport): string {
  const acknowledged = positionAcknowledged === undefined ? '' : `acknowledged up to ${positionAcknowledged}, `;
  const opened = positionAtOpen === undefined ? '' : `, open at ${positionAtOpen}`;
  return `${outageMs} ms without an acknowledged write; ${acknowledged}claimed at ${positionAtClaim}${opened}`;
}

function ageMs(time: string | undefined, nowMs: number): number {
  const ms = nowMs - Date.parse(time ?? '');
  return Number.isFinite(ms) ? ms : Infinity;
}

function memberOf(members: readonly OperatedMember[], name: string): OperatedMember | undefined {
  return members.find((member) => member.name === name);
}
