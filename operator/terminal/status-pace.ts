import type { Clock } from '#lib/base/clock.ts';
import { keyText } from '#lib/kube/objects.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';

/**
 * A state must have held for so long before it is written: what a failover passes through is not worth a write. A terminal that never
 * settles is written all the same when its time has come.
 */
export const settleMs = 2_000;
/** Between two writes of one Terminal that its state causes. */
export const terminalEveryMs = 10_000;
/** Writes of one hall in a second, and as many at once. */
export const hallPerSecond = 20;

/** What is left of a hall's writes: `tokens` at the time `atMs`. */
export interface HallBudget {
  readonly tokens: number;
  readonly atMs: number;
}

export type PaceDecision = { readonly do: 'write'; readonly budget: HallBudget } | { readonly do: 'wait'; readonly ms: number };

/** Whether the state of a Terminal may be written now. */
export function decidePace(lastWrittenMs: number | undefined, budget: HallBudget | undefined, nowMs: number): PaceDecision {
  const ownMs = lastWrittenMs === undefined ? 0 : lastWrittenMs + terminalEveryMs - nowMs;
  if (ownMs > 0) return { do: 'wait', ms: ownMs };
  const refilled = budget === undefined ? hallPerSecond : budget.tokens + ((nowMs - budget.atMs) * hallPerSecond) / 1_000;
  const tokens = Math.min(hallPerSecond, refilled);
  if (tokens >= 1) return { do: 'write', budget: { tokens: tokens - 1, atMs: nowMs } };
  return { do: 'wait', ms: Math.ceil(((1 - tokens) * 1_000) / hallPerSecond) };
}

/** Keeps writes of states from becoming a stream: forgets Terminals that are gone, and a hall with its last Terminal. */
export class StatusPace {
  readonly #clock: Clock;
  readonly #writtenMs = new Map<string, number>();
  /** What each Terminal is to show, since when that is so, and since when something else is shown. */
  readonly #pending = new Map<string, { readonly text: string; readonly sinceMs: number; readonly firstMs: number }>();
  readonly #budgets = new Map<string, HallBudget>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asks for the turn of a Terminal.
   *
   * @param text   What is to be shown: while it changes, it is not written yet.
   * @param first  Nothing is shown yet, so nothing has to settle.
   * @returns 0: write now, it is counted. Otherwise in how many milliseconds to ask again.
   */
  take(terminal: ObjectKey, hall: ObjectKey, text: string, first: boolean): number {
    const nowMs = this.#clock.nowMs();
    const known = this.#pending.get(keyText(terminal));
    const sinceMs = known?.text === text ? known.sinceMs : nowMs;
    const firstMs = known?.firstMs ?? nowMs;
    this.#pending.set(keyText(terminal), { text, sinceMs, firstMs });
    const unsettledMs = Math.min(sinceMs + settleMs, firstMs + terminalEveryMs) - nowMs;
    if (!first && unsettledMs > 0) return Math.max(1, unsettledMs);
    const decision = decidePace(this.#writtenMs.get(keyText(terminal)), this.#budgets.get(keyText(hall)), nowMs);
    if (decision.do === 'wait') return Math.max(1, decision.ms);
    this.#pending.delete(keyText(terminal));
    this.#writtenMs.set(keyText(terminal), nowMs);
    this.#budgets.set(keyText(hall), decision.budget);
    return 0;
  }

  forgetTerminal(terminal: ObjectKey): void {
    this.#writtenMs.delete(keyText(terminal));
    this.#pending.delete(keyText(terminal));
  }

  /** What was to be shown is shown already. */
  calm(terminal: ObjectKey): void {
    this.#pending.delete(keyText(terminal));
  }

  forgetHall(hall: ObjectKey): void {
    this.#budgets.delete(keyText(hall));
  }
}
