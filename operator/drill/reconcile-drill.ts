import type { DrillSchedule, DrillScheduleStatus } from '#lib/api/drillschedule.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { Applier } from '#lib/kube/apply.ts';
import { findCondition, statusDiffers } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { controllerOf, controllerReference } from '#lib/kube/owner.ts';
import { runtimeErrors } from '#lib/kube/runtime-errors.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import { drillLabel, managedBy, managedByLabel } from '../labels.ts';
import { isTold, notApplied } from '../not-applied.ts';
import { drillSchedules, pairOperations } from '../resources.ts';
import { WrittenStatus } from '../written-status.ts';
import { decideDrill, timeOf } from './decide-drill.ts';
import type { DrillDecision, DueDecision } from './decide-drill.ts';
import { decideStatus } from './decide-status.ts';
import type { DrillView } from './drill-view.ts';

export type DrillPorts = Pick<OperatorPorts, 'client' | 'caches' | 'clock' | 'events'>;

/** Between two looks at most: the clock on the wall may be set meanwhile. */
const lookAgainMs = 300_000;
/** A look comes this much after the time, so that it is surely due by then. */
const afterDueMs = 50;
/** A year: runs go by spec.historyLimit, so their own time must not be up before. */
const keptFor = '8760h';

/** Asks for the drills of a schedule when they are due, and tells what became of them. */
export function reconcileDrill(ports: DrillPorts): Reconcile {
  const { caches, client, clock } = ports;
  const applier = new Applier({ client, fieldManager: 'hallkeeper-drill' });
  const written = new WrittenStatus<DrillSchedule>();
  return async (key, { signal }) => {
    const seen = caches.drillSchedules.get(key);
    if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) {
      written.forget(key);
      return undefined;
    }
    const schedule = written.of(seen);
    const tell = async (status: DrillScheduleStatus): Promise<boolean> => {
      if (!statusDiffers(schedule.status, status)) return false;
      await applier.applyStatus(drillSchedules, schedule, status, signal);
      written.wrote(schedule, status);
      return true;
    };
    try {
      const view = gather(schedule, ports);
      const decision = decideDrill(view);
      // First the operation, by a name that the time gives it: whoever looks again finds it, and never makes a second one.
      if (decision.due?.do === 'run') await ask(view, decision.due, ports, signal);
      const status = decideStatus(view, decision);
      if (await tell(status)) tellEvents(schedule, decision, status, ports);
      await forget(decision.tooMany, ports, signal);
      const againMs = decision.nextMs === undefined ? lookAgainMs : Math.min(decision.nextMs - clock.wallMs() + afterDueMs, lookAgainMs);
      return { requeueAfterMs: Math.max(againMs, afterDueMs) };
    } catch (error) {
      if (isTold(error) && !signal.aborted) {
        const conditions = notApplied(schedule.status?.conditions, error, schedule.metadata.generation, clock.wallMs());
        await tell({ ...schedule.status, conditions }).catch(() => undefined);
      }
      throw error;
    }
  };
}

function gather(schedule: DrillSchedule, { caches, clock }: DrillPorts): DrillView {
  const { namespace, uid } = schedule.metadata;
  return {
    schedule,
    pair: caches.pairs.get({ namespace, name: schedule.spec.pairRef.name }),
    runs: caches.pairOperations.byIndex('owner', uid),
    nowMs: clock.wallMs(),
  };
}

/** The PairOperation of one due time. There already it is as good as made, unless it is somebody else's. @throws HK_OWNED_BY_OTHER */
async function ask(
  { schedule, runs }: DrillView,
  { name, dueMs, notAfterMs, member }: Extract<DueDecision, { readonly do: 'run' }>,
  { client }: DrillPorts,
  signal: AbortSignal,
): Promise<void> {
  if (runs.some(({ metadata }) => metadata.name === name)) return;
  const { namespace, name: scheduleName } = schedule.metadata;
  const { pairRef, type } = schedule.spec;
  const operation = {
    apiVersion: pairOperations.apiVersion,
    kind: pairOperations.kind,
    metadata: {
      name,
      namespace,
      labels: { [managedByLabel]: managedBy, [drillLabel]: scheduleName },
      ownerReferences: [controllerReference(drillSchedules, schedule)],
    },
    spec: {
      pairRef,
      type,
      ...(member === undefined ? {} : { member }),
      notAfter: timeOf(notAfterMs),
      reason: `the drill of the schedule ${scheduleName} that was due at ${timeOf(dueMs)}`,
      ttlAfterFinished: keptFor,
    },
  } as unknown as PairOperation;
  try {
    await client.create(pairOperations, operation, signal);
  } catch (error) {
    if (!isKubeError(error, 'HK_KUBE_EXISTS')) throw error;
    const there = await client.get(pairOperations, { namespace, name }, signal);
    if (controllerOf(there)?.uid === schedule.metadata.uid) return;
    throw runtimeErrors.HK_OWNED_BY_OTHER(`PairOperation ${name} was not made by this schedule: delete it, or rename the schedule`);
  }
}

async function forget(tooMany: readonly PairOperation[], { client }: DrillPorts, signal: AbortSignal): Promise<void> {
  for (const operation of tooMany) {
    const { uid } = operation.metadata;
    await client.delete(pairOperations, keyOf(operation), { preconditions: { uid } }, signal).catch((error: unknown) => {
      if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
    });
  }
}

const endEvents = { Succeeded: 'DrillSucceeded', Failed: 'DrillFailed' } as const;

/** An event for whatever was due, and for how a drill ended; each once, with the status that tells it. */
function tellEvents(schedule: DrillSchedule, { due }: DrillDecision, status: DrillScheduleStatus, { events }: DrillPorts): void {
  const tell = (type: 'Normal' | 'Warning', reason: string, note: string): void =>
    events.record(drillSchedules, schedule, { type, reason, action: schedule.spec.type, note });
  if (due?.do === 'pass') tell('Warning', due.as === 'Skipped' ? 'DrillSkipped' : 'DrillMissed', due.why);
  if (due?.do === 'run') tell('Normal', 'DrillStarted', `${due.name} is asked for, to begin before ${timeOf(due.notAfterMs)}`);
  const ended = status.lastResult;
  if (schedule.status?.lastResult !== 'Running' || (ended !== 'Succeeded' && ended !== 'Failed')) return;
  const said = findCondition(status.conditions as readonly Condition[] | undefined, 'LastRunSucceeded')?.message ?? '';
  tell(ended === 'Succeeded' ? 'Normal' : 'Warning', endEvents[ended], said);
}
