import type { ConditionTable, StatementOf } from '../statement.ts';

/** Condition types of a DrillSchedule and their reasons, each with what it means; the handbook is made from this table. */
export const drillConditions = {
  Ready: {
    Scheduled: 'The schedule is accepted, and status.nextRun says when the next run is due.',
    Suspended: 'The schedule is accepted, and nothing is run while spec.suspend is true.',
    SpecRefused: 'The schedule cannot be read, or is never due; the message lists every problem.',
    PairMissing: 'There is no FailoverPair of the name in spec.pairRef. What is due meanwhile is skipped.',
    NotApplied: 'The API server refuses something that the schedule needs; the message says what.',
  },
  LastRunSucceeded: {
    Succeeded: 'The drill that was due last was run: the other member leads, and nothing was lost.',
    Failed: 'The drill that was due last was run and failed, was refused, or could not begin in time. Its PairOperation says why.',
    Skipped: 'What was due last was not run, because a failover could have lost something or the drill before was not over.',
    Missed: 'What was due last was not run, because nobody was there to run it in time.',
    Running: 'The drill that was due last is under way.',
    NeverDue: 'Nothing was due yet.',
  },
} as const satisfies ConditionTable;

export type DrillStatement = StatementOf<typeof drillConditions>;
