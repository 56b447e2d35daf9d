import type { FailoverPairStatusLastFailover, FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { operatorAsJson } from './explain-report.ts';
import { stateOf } from './operation-end.ts';
import type { OperatorSeen } from './operator-seen.ts';
import type { PairSeen } from './pair-seen.ts';
import { pauseOf } from './pause-seen.ts';
import { ageInWords, ageOf, phasesOf, secondsOf, tableOf } from './table.ts';

/** Operations that are shown; the others are in `kubectl get pairoperations`. */
const operationsShown = 5;

/** `hallctl pair status` in words. @param nowMs  Wall time, for ages. */
export function statusInWords(seen: PairSeen, operator: OperatorSeen, nowMs: number): string {
  const { pair, operations } = seen;
  const { lastFailover, members = [], conditions = [] } = pair.status ?? {};
  const parts = [headOf(seen), ...staleLines(seen, operator), recordLine(seen)];
  const pause = pauseOf(pair, operations);
  if (pause !== undefined) parts.push(`paused: ${pause.says} ${pause.advice}`);
  if (members.length > 0) parts.push('', tableOf([memberHeading, ...members.map((member) => memberRow(member, nowMs))]));
  for (const { name, frozen, stuck } of members) {
    if (frozen !== undefined) parts.push(`${name} keeps its role: ${frozen}`);
    if (stuck !== undefined) parts.push(`${name} could not be promoted: ${stuck}`);
  }
  if (conditions.length > 0) {
    const rows = conditions.map(({ type, status, reason, lastTransitionTime, message }) => {
      return [type, status, reason, ageOf(lastTransitionTime, nowMs), message];
    });
    parts.push('', tableOf([['CONDITION', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], ...rows]));
  }
  if (lastFailover !== undefined) parts.push('', `Last failover: ${failoverInWords(lastFailover)}`);
  if (operations.length > 0) {
    const rows = operations.slice(0, operationsShown).map((operation) => operationRow(operation, nowMs));
    parts.push('', tableOf([['OPERATION', 'TYPE', 'MEMBER', 'STATE', 'AGE', 'SAYS'], ...rows]));
  }
  return `${parts.join('\n')}\n`;
}

/** How old what is told of the members may be. */
function staleLines({ pair }: PairSeen, { stale, agoMs }: OperatorSeen): readonly string[] {
  const isRead = pair.spec.arbiter.kubernetes !== undefined;
  if (stale !== undefined) return [`TAKE CARE: ${stale} What follows may be out of date${isRead ? ', but for the record' : ''}.`];
  return agoMs === undefined ? [] : [`seen by the operator, which was alive ${ageInWords(agoMs)} ago`];
}

/** The same for machines. */
export function statusAsJson({ pair, record, operations }: PairSeen, operator: OperatorSeen): object {
  const { status = {}, spec, metadata } = pair;
  return {
    ok: true,
    pair: metadata.name,
    namespace: metadata.namespace,
    ...status,
    addresses: Object.fromEntries(spec.members.map(({ name, host }) => [name, host?.address ?? null])),
    record: record?.spec ?? null,
    pause: pauseOf(pair, operations) ?? null,
    ...operatorAsJson(operator),
    operations: operations.slice(0, operationsShown).map((operation) => {
      const { name, creationTimestamp } = operation.metadata;
      return { name, createdAt: creationTimestamp, ...operation.spec, ...stateOf(operation), report: operation.status?.report ?? null };
    }),
  };
}

function headOf({ pair, record }: PairSeen): string {
  const { name, namespace } = pair.metadata;
  const { mode, primary, epoch } = record?.spec ?? pair.status ?? {};
  if (mode === undefined) return `${name} in ${namespace}: not seen by the operator yet`;
  const addressOf = (member: string | undefined): string => {
    const address = pair.spec.members.find((each) => each.name === member)?.host?.address;
    return address === undefined ? '' : ` (${address})`;
  };
  const standby = pair.spec.members.find((each) => each.name !== primary)?.name;
  const who =
    primary === undefined ? 'nobody leads' : `primary ${primary}${addressOf(primary)}, standby ${String(standby)}${addressOf(standby)}`;
  return `${name} in ${namespace}: mode ${mode}, epoch ${String(epoch)}, ${who}`;
}

function recordLine({ pair, record }: PairSeen): string {
  if (record !== undefined) {
    const { mode, sequence, reason, author, changedAt } = record.spec;
    return `record: ${mode}, sequence ${sequence}, by ${author}${changedAt === undefined ? '' : ` at ${changedAt}`}: ${reason ?? '-'}`;
  }
  if (pair.spec.arbiter.kubernetes === undefined) return 'record: in the etcd of the pair; shown as the members tell it';
  return pair.status?.mode === undefined
    ? 'record: not created yet'
    : 'record: GONE. The members keep their roles; see hallctl pair explain, then hallctl pair adopt';
}

const memberHeading = ['MEMBER', 'ROLE', 'HEARD', 'POSTGRESQL', 'DATA', 'STREAMS', 'LAG', 'ARBITER', 'COMMITS WAIT FOR', 'SINCE', 'STEP'];

function memberRow(member: FailoverPairStatusMember, nowMs: number): readonly string[] {
  const { name, role = '-', heard = '-', postgresql = '-', data = '-', lag = '-', step = '-', since } = member;
  const flag = (value: boolean | undefined): string => (value === undefined ? '-' : value ? 'yes' : 'no');
  const waits = role === 'Primary' ? (member.waitsFor ?? '-') : '-';
  // What stands of a silent member is what it was when it was heard last.
  if (heard === 'NotHeard')
    return [
      name,
      '?',
      heard,
      '?',
      '?',
      '?',
      '?',
      '?',
      '?',
      '-',
      step === '-' ? '-' : `heard last at: ${step}, which it began ${ageOf(since, nowMs)} ago`,
    ];
  return [name, role, heard, postgresql, data, flag(member.streaming), lag, flag(member.arbiterReached), waits, ageOf(since, nowMs), step];
}

function operationRow(operation: PairOperation, nowMs: number): readonly string[] {
  const { metadata, spec } = operation;
  const { state, says } = stateOf(operation);
  return [metadata.name, spec.type, spec.member ?? '-', state, ageOf(metadata.creationTimestamp, nowMs), says];
}

/** One take-over with its phases, in one line. */
function failoverInWords(failover: FailoverPairStatusLastFailover): string {
  const { epoch, from, to, reason, completedAt, writeOutageMs, phases, message } = failover;
  const steps = phasesOf(phases).map(([phase, ms]) => `${phase} ${secondsOf(ms)}`);
  const outage = writeOutageMs === undefined ? '' : `; ${secondsOf(writeOutageMs)} without an acknowledged write`;
  const how = steps.length === 0 ? '' : ` (${steps.join(', ')})`;
  const why = message === undefined || message === '' ? '' : `. ${message}`;
  // A record may be written anew for the member that leads.
  const who = from === undefined && to !== undefined ? `${to} leads on` : `${from ?? '?'} → ${to ?? '?'}`;
  return `epoch ${epoch}, ${who}, ${reason ?? '-'}, ${completedAt ?? '-'}${outage}${how}${why}`;
}
