import type { ConditionTable } from '../statement.ts';

/** Condition types of a PairOperation and their reasons, as in a Job: neither is True while it waits or runs. */
export const operationConditions = {
  Complete: {
    Done: 'What was asked for is done.',
    Waiting: 'It has not begun yet; the message says for what it waits.',
    Running: 'It is under way; the message says how far it is.',
    NotDone: 'It failed, and was not done.',
  },
  Failed: {
    Refused: 'It was unsafe or impossible, and nothing was changed. The message says why.',
    Expired: 'It had not begun by notAfter, and nothing was changed.',
    Aborted: 'It began and came to no good end. The message says what stands.',
    NotFailed: 'It waits, runs, or is done.',
  },
} as const satisfies ConditionTable;

export type FailureReason = Exclude<keyof (typeof operationConditions)['Failed'], 'NotFailed'>;
