import type { PairOperation, PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Applier } from '#lib/kube/apply.ts';
import { setCondition, statusDiffers } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import { kubeTime } from '#lib/kube/time.ts';
import { failoverOf } from '../pair/decide-failovers.ts';
import { knownRecord } from '../pair/known-record.ts';
import { ownSettings } from '../pair/own-objects.ts';
import { pausedByAnnotation } from '../pair/pair-names.ts';
import type { PairPorts } from '../pair/pair-ports.ts';
import { placeOf } from '../pair/poll-members.ts';
import { failoverPairs, pairOperations } from '../resources.ts';
import { WrittenStatus } from '../written-status.ts';
import { decideOperation, isFinished } from './decide-operation.ts';
import type { OperationDecision } from './operation-decision.ts';
import type { OperationView } from './operation-view.ts';

const underWayAgainMs = 1_000;
/** As the schema limits it. */
const stepMessageMax = 512;

/** Does what a person asked of a pair, once. */
export function reconcileOperation(ports: PairPorts): Reconcile {
  const { caches, client } = ports;
  const applier = new Applier({ client, fieldManager: 'hallkeeper-pair-operation' });
  const written = new WrittenStatus<PairOperation>();
  return async (key, { signal, log }) => {
    const seen = caches.pairOperations.get(key);
    if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) {
      written.forget(key);
      return undefined;
    }
    const operation = written.of(seen);
    const view = gather(operation, ports);
    const decision = decideOperation(view);
    const tell = async (status: PairOperationStatus): Promise<void> => {
      if (!statusDiffers(operation.status, status)) return;
      await applier.applyStatus(pairOperations, operation, status, signal);
      written.wrote(operation, status);
    };
    switch (decision.do) {
      case 'remove': {
        const { uid } = operation.metadata;
        await client.delete(pairOperations, key, { preconditions: { uid } }, signal).catch((error: unknown) => {
          if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
        });
        return undefined;
      }
      case 'wait':
        if (!isFinished(operation)) await tell(statusOf(view, decision));
        return { requeueAfterMs: decision.againMs };
      case 'ask':
        await tell(statusOf(view, { do: 'run', step: 'Ask', why: `asking ${decision.member}` }));
        await ask(view, decision, ports, log, signal);
        return { requeueAfterMs: underWayAgainMs };
      case 'mark':
        await mark(view, decision.paused, ports, signal);
        return { requeueAfterMs: underWayAgainMs };
      case 'start':
        await tell(statusOf(view, decision));
        ports.events.record(pairOperations, operation, {
          type: 'Normal',
          reason: 'Started',
          action: operation.spec.type,
          note: decision.note,
        });
        return { requeueAfterMs: underWayAgainMs };
      case 'run':
        await tell(statusOf(view, decision));
        return { requeueAfterMs: underWayAgainMs };
      case 'complete':
      case 'fail':
        await tell(statusOf(view, decision));
        tellEnd(operation, decision, ports);
        // Its own change brings the next look, for the time when it is removed.
        return undefined;
    }
  };
}

async function ask(
  { pair, operation }: OperationView,
  { what, member, epoch }: Extract<OperationDecision, { readonly do: 'ask' }>,
  ports: PairPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    const place = pair === undefined ? undefined : await placeOf(pair, member, ports.certificates);
    if (place === undefined) return;
    await ports.members.ask(place, what, { id: operation.metadata.uid, epoch }, signal);
    log.info({ member, what, epoch }, 'a member was asked');
  } catch (error) {
    // Nor is an authority that cannot be read an end: it may be restored before the time is up.
    if (!codeOf(error)?.startsWith('HK_MEMBER') && codeOf(error) !== 'HK_AUTHORITY_UNREADABLE') throw error;
    log.warn({ member, what, error: messageOf(error) }, 'a member could not be asked');
  }
}

function gather(operation: PairOperation, { caches, clock, observations }: PairPorts): OperationView {
  const { namespace } = operation.metadata;
  const pairKey = { namespace, name: operation.spec.pairRef.name };
  const pair = caches.pairs.get(pairKey);
  const age = ({ metadata }: PairOperation): string => `${metadata.creationTimestamp} ${metadata.uid}`;
  const seen = pair === undefined ? new Map<string, never>() : observations.of(pair.metadata.uid).members;
  return {
    operation,
    pair,
    record: pair === undefined ? undefined : knownRecord(pair, { caches, observations }),
    members: (pair?.spec.members ?? []).map(({ name }) => {
      const view = seen.get(name);
      const held = pair === undefined ? undefined : ownSettings(pair, name, caches)?.settings;
      return {
        name,
        asked: view !== undefined,
        status: view?.reachable === true ? view.status : undefined,
        held: held === undefined ? undefined : { revision: held.revision, paused: held.paused },
      };
    }),
    before: caches.pairOperations
      .byIndex('pair', keyText(pairKey))
      .filter((other) => other.metadata.uid !== operation.metadata.uid && !isFinished(other))
      // One that has begun goes first whatever its age: two of one second are in no order that anybody chose.
      .filter((other) => other.status?.startedAt !== undefined || age(other) < age(operation))
      .map(({ metadata }) => metadata.name),
    nowMs: clock.wallMs(),
  };
}

/** The mark by which a pair is paused. It outlives the operation, which is deleted some day: a Pause acts until a Resume. */
async function mark({ pair, operation }: OperationView, paused: boolean, { client }: PairPorts, signal: AbortSignal): Promise<void> {
  if (pair === undefined) return;
  const value = paused ? operation.metadata.name : null;
  const body = { metadata: { uid: pair.metadata.uid, annotations: { [pausedByAnnotation]: value } } };
  await client.patch(failoverPairs, keyOf(pair), { type: 'merge', body }, signal);
}

type Told = Extract<OperationDecision, { readonly do: 'wait' | 'start' | 'run' | 'complete' | 'fail' }>;

function statusOf({ operation, nowMs }: OperationView, decision: Told): PairOperationStatus {
  const before = operation.status;
  const now = kubeTime(nowMs);
  const ended = decision.do === 'complete' || decision.do === 'fail';
  const startedAt = before?.startedAt ?? (decision.do === 'start' ? now : undefined);
  const report = decision.do === 'complete' && decision.report !== undefined ? failoverOf(decision.report) : before?.report;
  return {
    observedGeneration: operation.metadata.generation,
    conditions: conditionsOf(operation, decision, nowMs),
    ...(startedAt === undefined ? {} : { startedAt, steps: stepsOf(before?.steps ?? [], decision, now) }),
    ...(ended ? { completedAt: now } : {}),
    ...(report === undefined ? {} : { report }),
  };
}

type Steps = NonNullable<PairOperationStatus['steps']>;

/** The steps with the present one: each ends when another begins. One that comes again goes on where it was. */
function stepsOf(before: Steps, decision: Told, now: string): Steps {
  const ended = decision.do === 'complete' || decision.do === 'fail';
  const name = decision.do === 'start' ? 'Begin' : decision.do === 'run' ? decision.step : ended ? 'End' : undefined;
  if (name === undefined) return before;
  const message = (decision.do === 'start' ? decision.note : decision.why).slice(0, stepMessageMax);
  const known = before.find((step) => step.name === name);
  const present = { name, startedAt: known?.startedAt ?? now, message, ...(ended ? { completedAt: now } : {}) };
  const others = before.filter((step) => step.name !== name).map((step) => ({ completedAt: now, ...step }));
  return [...others, present];
}

function conditionsOf(operation: PairOperation, decision: Told, nowMs: number): readonly Condition[] {
  const observedGeneration = operation.metadata.generation;
  const message = decision.do === 'start' ? decision.note : decision.why;
  const complete =
    decision.do === 'complete'
      ? { status: 'True' as const, reason: 'Done' }
      : { status: 'False' as const, reason: decision.do === 'fail' ? 'NotDone' : decision.do === 'wait' ? 'Waiting' : 'Running' };
  const failed =
    decision.do === 'fail' ? { status: 'True' as const, reason: decision.reason } : { status: 'False' as const, reason: 'NotFailed' };
  const known = (operation.status?.conditions ?? []) as readonly Condition[];
  const withComplete = setCondition(known, { type: 'Complete', ...complete, message, observedGeneration }, nowMs);
  return setCondition(
    withComplete,
    { type: 'Failed', ...failed, message: decision.do === 'fail' ? message : '', observedGeneration },
    nowMs,
  );
}

function tellEnd(operation: PairOperation, decision: Extract<Told, { readonly do: 'complete' | 'fail' }>, { events }: PairPorts): void {
  const reason = decision.do === 'complete' ? 'Done' : decision.reason;
  const type = decision.do === 'complete' ? 'Normal' : 'Warning';
  events.record(pairOperations, operation, { type, reason, action: operation.spec.type, note: decision.why });
}
