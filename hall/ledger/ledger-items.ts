import type { RosterChange, TerminalProfile } from '../roster.ts';
import type { TerminalState } from '../terminal-states.ts';

/** One change of state, as it is written and told. */
export interface TransitionItem {
  readonly kind: 'transition';
  readonly terminal: string;
  readonly from: TerminalState;
  readonly to: TerminalState;
  /** Hall time at which it happened, and at which it was decided. */
  readonly atMs: number;
  readonly decidedAtMs: number;
  readonly why: string;
  /** Total of `from` after this transition, absolute: writing it twice changes nothing. */
  readonly fromTotalMs: number;
  /** Times in `hung`, ever, absolute. */
  readonly hangs: number;
}

export interface RosterItem {
  readonly kind: 'roster';
  readonly hall: string;
  readonly change: RosterChange;
}

/** What the fleet wants written, in order. */
export type LedgerItem = TransitionItem | RosterItem;

/** One change of the feed: what a reader is told once the transaction that holds it is committed. */
export type NumberedChange = { readonly number: bigint } & (
  | { readonly kind: 'transition'; readonly transition: TransitionItem }
  | { readonly kind: 'put'; readonly profile: TerminalProfile }
  | { readonly kind: 'removed'; readonly terminal: string }
  | { readonly kind: 'revision'; readonly revision: string }
);

/** An item with the numbers of its changes, which follow each other without a gap. */
export interface NumberedItem {
  readonly item: LedgerItem;
  readonly changes: readonly NumberedChange[];
}

/** Numbers an item's changes from `next` on. A roster's puts and removals come before its revision. */
export function numberItem(item: LedgerItem, next: bigint): NumberedItem {
  let number = next;
  const take = (): bigint => number++;
  if (item.kind === 'transition') return { item, changes: [{ number: take(), kind: 'transition', transition: item }] };
  const { removed, put, next: roster } = item.change;
  const changes: NumberedChange[] = [
    ...removed.map((terminal) => ({ number: take(), kind: 'removed', terminal }) as const),
    ...put.map((profile) => ({ number: take(), kind: 'put', profile }) as const),
    { number: take(), kind: 'revision', revision: roster.revision },
  ];
  return { item, changes };
}
