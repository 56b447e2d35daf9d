import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';

/** Everything a decision about a schedule of drills may know. */
export interface DrillView {
  readonly schedule: DrillSchedule;
  readonly pair: FailoverPair | undefined;
  /** The PairOperations that this schedule asked for, in no order. */
  readonly runs: readonly PairOperation[];
  /** Wall time: a schedule is about nothing else. */
  readonly nowMs: number;
}
