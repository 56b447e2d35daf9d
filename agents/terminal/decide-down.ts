/** The head of a message down, and whether it only says that the sender does not lead. */
export interface DownHead {
  readonly pairUid: string;
  readonly epoch: bigint;
  readonly isNotPrimary: boolean;
}

/**
 * What a terminal does with a message before it looks inside.
 *
 * obey     It speaks for the highest epoch known.
 * pass     It says that it does not lead; such a word commands nothing and is believed whatever its epoch.
 * refuse   It speaks for another pair, or for an epoch that is over.
 */
export type DownDecision =
  | { readonly do: 'obey'; readonly isNewEpoch: boolean }
  | { readonly do: 'pass' }
  | { readonly do: 'refuse'; readonly why: 'foreignPair' | 'oldEpoch' };

/** Whether a message may command this terminal. `highest` is the highest epoch of its pair that was ever obeyed. */
export function decideDown(head: DownHead, own: { readonly pairUid: string; readonly highest: bigint }): DownDecision {
  if (head.pairUid !== own.pairUid) return { do: 'refuse', why: 'foreignPair' };
  if (head.isNotPrimary) return { do: 'pass' };
  if (head.epoch < own.highest || head.epoch === 0n) return { do: 'refuse', why: 'oldEpoch' };
  return { do: 'obey', isNewEpoch: head.epoch > own.highest };
}
