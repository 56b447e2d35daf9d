import type { DrillScheduleStatus } from '#lib/api/drillschedule.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { setCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { timeOf } from './decide-drill.ts';
import type { DrillDecision } from './decide-drill.ts';
import type { DrillStatement } from './drill-conditions.ts';
import type { DrillView } from './drill-view.ts';

type Result = NonNullable<DrillScheduleStatus['lastResult']>;

/** The status after the decision was carried out. What an operation that is gone had told stays. */
export function decideStatus(view: DrillView, { problems, due, consideredUntilMs, nextMs }: DrillDecision): DrillScheduleStatus {
  const { schedule, runs, nowMs } = view;
  const before = schedule.status;
  const ran = due?.do === 'run' ? { lastRun: timeOf(due.dueMs), lastOperation: due.name } : kept(before);
  const operation = runs.find(({ metadata }) => metadata.name === ran.lastOperation);
  const result = resultOf(view, due, operation);
  const outageMs = operation?.status?.report?.writeOutageMs ?? before?.lastWriteOutageMs;
  const statements: readonly DrillStatement[] = [ready(view, problems), { type: 'LastRunSucceeded', ...result.statement }];
  const generation = schedule.metadata.generation;
  return {
    observedGeneration: generation,
    conditions: statements.reduce<readonly Condition[]>(
      (conditions, statement) => setCondition(conditions, { ...statement, observedGeneration: generation }, nowMs),
      (before?.conditions ?? []) as readonly Condition[],
    ),
    consideredUntil: timeOf(consideredUntilMs),
    ...(nextMs === undefined ? {} : { nextRun: timeOf(nextMs) }),
    ...ran,
    ...(outageMs === undefined ? {} : { lastWriteOutageMs: outageMs }),
    ...(result.is === undefined ? {} : { lastResult: result.is }),
  };
}

/** An operation that is asked for stands in the cache within moments; one that does not so long after it was due was deleted. */
const goneMs = 25 * 3_600_000;

function kept(before: DrillScheduleStatus | undefined): Pick<DrillScheduleStatus, 'lastRun' | 'lastOperation'> {
  const { lastRun, lastOperation } = before ?? {};
  return { ...(lastRun === undefined ? {} : { lastRun }), ...(lastOperation === undefined ? {} : { lastOperation }) };
}

function ready({ schedule, pair }: DrillView, problems: readonly string[]): DrillStatement {
  const { spec } = schedule;
  if (problems.length > 0) return { type: 'Ready', status: 'False', reason: 'SpecRefused', message: problems.join('; ') };
  if (pair === undefined) {
    return { type: 'Ready', status: 'False', reason: 'PairMissing', message: `there is no FailoverPair ${spec.pairRef.name}: create it` };
  }
  if (spec.suspend) return { type: 'Ready', status: 'True', reason: 'Suspended', message: 'nothing is run until spec.suspend is false' };
  return { type: 'Ready', status: 'True', reason: 'Scheduled', message: `${spec.schedule} in ${spec.timeZone}` };
}

type Body = Omit<Extract<DrillStatement, { readonly type: 'LastRunSucceeded' }>, 'type'>;

interface LastResult {
  readonly is: Result | undefined;
  readonly statement: Body;
}

/** What became of what was due last. Until then what is said already stands. */
function resultOf({ schedule, nowMs }: DrillView, due: DrillDecision['due'], operation: PairOperation | undefined): LastResult {
  if (due?.do === 'pass') return { is: due.as, statement: { status: 'False', reason: due.as, message: due.why } };
  const { status } = schedule;
  const before = status?.conditions?.find(({ type }) => type === 'LastRunSucceeded');
  // Of what was due after it, and was passed over, is told until something else is due.
  const follows = due !== undefined || status?.lastResult === 'Running';
  if (follows) {
    const sinceMs = due === undefined ? nowMs - Date.parse(status?.lastRun ?? '') : 0;
    return ofOperation(due?.do === 'run' ? due.name : (status?.lastOperation ?? ''), operation, sinceMs);
  }
  if (status?.lastResult === undefined || before === undefined) {
    return { is: undefined, statement: { status: 'Unknown', reason: 'NeverDue', message: 'nothing was due yet' } };
  }
  const { status: said, message } = before;
  return { is: status.lastResult, statement: { status: said, reason: status.lastResult, message } };
}

function ofOperation(name: string, operation: PairOperation | undefined, sinceMs: number): LastResult {
  const holds = (type: string) => operation?.status?.conditions?.find((each) => each.type === type && each.status === 'True');
  const complete = holds('Complete');
  const failed = holds('Failed');
  if (complete !== undefined) {
    return { is: 'Succeeded', statement: { status: 'True', reason: 'Succeeded', message: `${name}: ${complete.message}` } };
  }
  if (failed !== undefined) {
    return { is: 'Failed', statement: { status: 'False', reason: 'Failed', message: `${name}: ${failed.reason}: ${failed.message}` } };
  }
  if (operation === undefined && sinceMs > goneMs) {
    return {
      is: 'Failed',
      statement: { status: 'False', reason: 'Failed', message: `${name} is gone: somebody deleted it before it was over` },
    };
  }
  return { is: 'Running', statement: { status: 'Unknown', reason: 'Running', message: `${name} is under way` } };
}
