import type { PairOperation, PairOperationStatusReport } from '#lib/api/pairoperation.gen.ts';
import type { Clock } from '#lib/base/clock.ts';
import { defineErrors, messageOf } from '#lib/base/errors.ts';
import type { Random } from '#lib/base/random.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { kubeTime } from '#lib/kube/time.ts';
import { parseLsn } from '#lib/postgres/lsn.ts';
import { askedByAnnotation } from './caller.ts';
import { decideOperation } from './decide-operation.ts';
import type { OperationWish } from './decide-operation.ts';
import { isOver, stateOf } from './operation-end.ts';
import type { OperationState } from './operation-end.ts';
import type { PairSeen } from './pair-seen.ts';
import { pairOperations } from './resources.ts';
import { phasesOf, secondsOf } from './table.ts';

export const operationErrors = defineErrors({
  HK_OPERATION_IMPOSSIBLE: { retry: 'never', says: 'the operation cannot be asked for' },
});

export interface OperatePorts {
  readonly client: Pick<KubeClient, 'create' | 'get'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Shows one line of progress. */
  readonly progress: (line: string) => void;
}

/** An operation that was not begun by then is not begun at all. */
const notAfterMs = 15 * 60_000;
/** The operator marks one as expired within seconds; a minute later it does not run. */
const operatorMaxMs = 60_000;
/** One that has begun ends by itself within two minutes; a copy is given a day. The operator sees to that. */
const runMaxMs = 5 * 60_000;
const copyMaxMs = 24 * 3_600_000 + runMaxMs;
const wonderAfterMs = 15_000;
const lookEveryMs = 500;

/** @returns The member that the operation names. @throws HK_OPERATION_IMPOSSIBLE  naming everything that speaks against it. */
export function refuseImpossible(seen: PairSeen, wish: OperationWish): string | undefined {
  const { member, problems } = decideOperation(seen, wish);
  if (problems.length > 0) throw operationErrors.HK_OPERATION_IMPOSSIBLE(problems.join('; '));
  return member;
}

/**
 * Asks the operator for something.
 *
 * @throws HK_OPERATION_IMPOSSIBLE  naming everything that speaks against it before it is asked for.
 */
export async function createOperation(
  seen: PairSeen,
  wish: OperationWish,
  { client, clock, random }: OperatePorts,
  signal: AbortSignal,
): Promise<PairOperation> {
  const { name, namespace } = seen.pair.metadata;
  const { type, reason, author } = wish;
  const annotations = author === undefined ? {} : { annotations: { [askedByAnnotation]: author } };
  const member = refuseImpossible(seen, wish);
  const object = {
    apiVersion: 'hallkeeper.dev/v1alpha1',
    kind: 'PairOperation',
    metadata: { namespace, name: `${name}-${type.toLowerCase()}-${random.below(2 ** 32).toString(36)}`, ...annotations },
    spec: {
      pairRef: { name },
      type,
      ...(member === undefined ? {} : { member }),
      notAfter: kubeTime(clock.wallMs() + notAfterMs),
      reason,
    },
  };
  try {
    return await client.create(pairOperations, object as unknown as PairOperation, signal);
  } catch (error) {
    if (!isKubeError(error, 'HK_KUBE_FORBIDDEN')) throw error;
    const role = 'the role hallkeeper-hall-technician has it';
    throw operationErrors.HK_OPERATION_IMPOSSIBLE(`you need the right to create pairoperations (${role}): ${messageOf(error)}`, {
      cause: error,
    });
  }
}

export interface OperationEnd extends OperationState {
  readonly operation: PairOperation;
  /** It goes on, or nobody has begun it; we have stopped looking. */
  readonly leftBecause: string | undefined;
}

/** Follows an operation to its end, or until `signal` aborts: then it goes on without us. */
export async function followOperation(created: PairOperation, ports: OperatePorts, signal: AbortSignal): Promise<OperationEnd> {
  const { clock, client, progress } = ports;
  const { name, namespace } = created.metadata;
  const begunMs = clock.nowMs();
  let operation = created;
  let told = '';
  let wondered = false;
  for (;;) {
    const at = stateOf(operation);
    const line = `${at.state.toLowerCase()}${at.says === '' ? '' : `: ${at.says}`}`;
    if (line !== told && !isOver(at)) progress(`${secondsOf(clock.nowMs() - begunMs)}  ${line}`);
    told = line;
    if (isOver(at)) return { ...at, operation, leftBecause: undefined };
    const forMs = clock.nowMs() - begunMs;
    const aloneMs = operation.spec.type === 'Reinitialize' ? copyMaxMs : runMaxMs;
    const maxMs = notAfterMs + (at.state === 'Waiting' ? operatorMaxMs : aloneMs);
    if (forMs > maxMs) return { ...at, operation, leftBecause: 'no end was seen in time: does the operator run?' };
    if (!wondered && at.state === 'Waiting' && at.says === '' && forMs > wonderAfterMs) {
      wondered = true;
      progress(`${secondsOf(forMs)}  nobody has taken it up yet: does the operator run?`);
    }
    try {
      await clock.sleep(lookEveryMs, signal);
      operation = await client.get(pairOperations, { namespace, name }, signal);
    } catch (error) {
      if (signal.aborted) return { ...at, operation, leftBecause: leftIn(operation, at) };
      throw error;
    }
  }
}

/** What has not begun does not go on by itself: it needs an operator in time. */
function leftIn({ spec }: PairOperation, { state }: OperationState): string {
  return state === 'Waiting' ? `it has not begun yet, and expires if it does not by ${spec.notAfter}` : 'it goes on without us';
}

/** The end of an operation in words. */
export function endInWords({ operation, state, says, leftBecause }: OperationEnd): string {
  const { metadata, spec, status } = operation;
  const { name, namespace } = metadata;
  if (leftBecause !== undefined) {
    const where = `hallctl pair status ${spec.pairRef.name} -n ${namespace ?? ''}`;
    return `${name}: ${leftBecause}; it is ${state.toLowerCase()}. Look at it with: ${where}\n`;
  }
  const changed = state === 'Aborted' ? 'look at the pair with hallctl pair status' : 'nothing was changed by it';
  if (state !== 'Done') return `${name}: ${state.toLowerCase()}, ${changed}: ${says}\n`;
  const { report } = status ?? {};
  const until = spec.type === 'Pause' ? ` Nobody takes over until: hallctl pair resume ${spec.pairRef.name} -n ${namespace ?? ''}` : '';
  if (report === undefined) return `${name}: done: ${says}.${until}\n`;
  const phases = phasesOf(report.phases).map(([phase, ms]) => `  ${phase.padEnd(8)} ${secondsOf(ms)}`);
  const outage = report.writeOutageMs === undefined ? '' : `, ${secondsOf(report.writeOutageMs)} without an acknowledged write`;
  return [
    `${name}: done. ${report.to ?? '?'} leads instead of ${report.from ?? '?'} in epoch ${report.epoch}${outage}.`,
    ...phases,
    ...lossOf(report),
    ...(report.message === undefined || report.message === '' ? [] : [report.message]),
    '',
  ].join('\n');
}

/** Whether the new primary had everything when it claimed that the old one had called acknowledged. */
function lossOf({ positionAcknowledged, positionAtClaim }: PairOperationStatusReport): readonly string[] {
  if (positionAcknowledged === undefined || positionAtClaim === undefined) return [];
  const at = `acknowledged up to ${positionAcknowledged}, claimed at ${positionAtClaim}`;
  return [parseLsn(positionAcknowledged) <= parseLsn(positionAtClaim) ? `Nothing was lost: ${at}.` : `SOMETHING MAY BE LOST: ${at}.`];
}

export function endAsJson({ operation, state, says, leftBecause }: OperationEnd): object {
  const { metadata, spec, status } = operation;
  return {
    ok: state === 'Done',
    operation: metadata.name,
    namespace: metadata.namespace,
    pair: spec.pairRef.name,
    type: spec.type,
    member: spec.member ?? null,
    state,
    says,
    leftBecause: leftBecause ?? null,
    report: status?.report ?? null,
  };
}
