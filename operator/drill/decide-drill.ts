import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { isFinished } from '../pair-operation/decide-operation.ts';
import type { DrillView } from './drill-view.ts';
import { Timetable } from './timetable.ts';

/**
 * What became of a time at which a drill was due.
 *
 * run   A PairOperation of this name is to be there; it may be already.
 * pass  Nothing is run, and why.
 */
export type DueDecision =
  | { readonly do: 'run'; readonly dueMs: number; readonly name: string; readonly notAfterMs: number; readonly member: string | undefined }
  | { readonly do: 'pass'; readonly dueMs: number; readonly as: 'Skipped' | 'Missed'; readonly why: string };

export interface DrillDecision {
  /** Why the spec cannot be met; empty when it can. */
  readonly problems: readonly string[];
  /** Absent: nothing was due, or nothing may be. */
  readonly due: DueDecision | undefined;
  /** Whatever was due up to here is dealt with, once `due` is. */
  readonly consideredUntilMs: number;
  readonly nextMs: number | undefined;
  /** Finished runs beyond the limit, the oldest. */
  readonly tooMany: readonly PairOperation[];
}

/** As the schema's own default; the schema has checked what is written there. */
const deadlineFallbackMs = 600_000;

/** What a schedule asks for now. */
export function decideDrill(view: DrillView): DrillDecision {
  const { schedule, nowMs } = view;
  const { spec } = schedule;
  const timetable = Timetable.read(spec.schedule, spec.timeZone, nowMs);
  const tooMany = tooManyOf(view);
  const since = consideredSince(view);
  if ('problem' in timetable) {
    return { problems: [timetable.problem], due: undefined, consideredUntilMs: since, nextMs: undefined, tooMany };
  }
  if (spec.suspend) return { problems: [], due: undefined, consideredUntilMs: since, nextMs: undefined, tooMany };
  const deadlineMs = parseDurationMs(spec.startingDeadline) ?? deadlineFallbackMs;
  const { dueMs, missedMs, nextMs } = timetable.due(since, nowMs, deadlineMs);
  const due = dueMs !== undefined ? decideDue(view, dueMs, dueMs + deadlineMs) : missedMs === undefined ? undefined : missed(missedMs);
  return { problems: [], due, consideredUntilMs: due?.dueMs ?? since, nextMs, tooMany };
}

/**
 * From when on times count as due. A spec that is new, or was changed or resumed, says nothing about the time before: what its schedule
 * would have asked for then is not made up.
 */
function consideredSince({ schedule, nowMs }: DrillView): number {
  const { status, metadata } = schedule;
  const until = Date.parse(status?.consideredUntil ?? '');
  return status?.observedGeneration === metadata.generation && Number.isFinite(until) ? until : nowMs;
}

function missed(dueMs: number): DueDecision {
  return { do: 'pass', dueMs, as: 'Missed', why: `the drill of ${timeOf(dueMs)} could not begin in time: nobody was there to run it` };
}

function decideDue({ schedule, pair, runs }: DrillView, dueMs: number, notAfterMs: number): DueDecision {
  const { pairRef, type } = schedule.spec;
  const skip = (why: string): DueDecision => ({
    do: 'pass',
    dueMs,
    as: 'Skipped',
    why: `the drill of ${timeOf(dueMs)} was not run: ${why}`,
  });
  const name = runName(schedule, dueMs);
  const running = runs.find((run) => run.metadata.name !== name && !isFinished(run));
  if (running !== undefined) return skip(`${running.metadata.name} is not over`);
  if (pair === undefined) return skip(`there is no FailoverPair ${pairRef.name}`);
  if (pair.metadata.deletionTimestamp !== undefined) return skip(`the pair ${pairRef.name} is being deleted`);
  const member = type === 'Switchover' ? pair.status?.standby : undefined;
  const run: DueDecision = { do: 'run', dueMs, name, notAfterMs, member };
  // It was made already, and what it did since may be why the pair is not what it was.
  if (runs.some((each) => each.metadata.name === name)) return run;
  const ready = pair.status?.conditions?.find((condition) => condition.type === 'ZeroLossFailoverPossible');
  if (ready?.status !== 'True') {
    return skip(
      `a failover could lose something or not happen, ${ready?.reason ?? 'NotKnown'}: ${ready?.message ?? 'nobody has looked yet'}`,
    );
  }
  if (type === 'Switchover' && member === undefined) return skip('nobody has said yet which member is the standby');
  return run;
}

/** By the instant, in UTC: in autumn one hour of the clock comes twice. */
function runName({ metadata }: DrillSchedule, dueMs: number): string {
  return `${metadata.name}-${new Date(dueMs).toISOString().slice(0, 16).replaceAll(/\D/g, '')}`;
}

function tooManyOf({ schedule, runs }: DrillView): readonly PairOperation[] {
  const finished = runs.filter(isFinished);
  return finished.toSorted((left, right) => (left.metadata.name < right.metadata.name ? 1 : -1)).slice(schedule.spec.historyLimit);
}

/** An instant as people and Kubernetes write it. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
