import { invariant } from '#lib/base/invariant.ts';
import { isCredited, isHeard, terminalStates } from './terminal-states.ts';
import type { TerminalState } from './terminal-states.ts';

/** Milliseconds credited to each state, ever. */
export type StateTotals = Readonly<Record<TerminalState, number>>;

export const zeroTotals = (): Record<TerminalState, number> =>
  Object.fromEntries(terminalStates.map((state) => [state, 0])) as Record<TerminalState, number>;

export interface AccountStart {
  readonly state: TerminalState;
  readonly sinceMs: number;
  readonly totals: StateTotals;
}

/**
 * The time one terminal spent in each state. All times are the hall's, in whole milliseconds.
 *
 * What a reader was shown is never taken back: a transition is placed at or after the end of what was shown, so that no total ever
 * goes back, and the credited totals add up to the time that was watched.
 */
export class TimeAccount {
  #state: TerminalState;
  #sinceMs: number;
  #shownToMs: number;
  readonly #totals: Record<TerminalState, number>;

  constructor(start: AccountStart) {
    this.#state = start.state;
    this.#sinceMs = start.sinceMs;
    this.#shownToMs = start.sinceMs;
    this.#totals = { ...start.totals };
  }

  get state(): TerminalState {
    return this.#state;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Total of one state without the running part. */
  settled(state: TerminalState): number {
    return this.#totals[state];
  }

  settledTotals(): StateTotals {
    return { ...this.#totals };
  }

  /**
   * Totals as they may be shown now.
   *
   * @param horizonMs  End of the last durable observer row: later time may yet turn out to have been watched by nobody.
   * @param heardMs    Time of the last heartbeat; undefined: none. The states of a terminal that is heard count no further.
   */
  show(horizonMs: number, heardMs: number | undefined): StateTotals {
    const toMs = isHeard(this.#state) ? Math.min(horizonMs, heardMs ?? this.#sinceMs) : horizonMs;
    this.#shownToMs = Math.max(this.#shownToMs, toMs);
    if (!isCredited(this.#state)) return { ...this.#totals };
    return { ...this.#totals, [this.#state]: this.#totals[this.#state] + (this.#shownToMs - this.#sinceMs) };
  }

  /**
   * Moves to another state and credits the one that ends.
   *
   * @param wishedMs  When it happened. Moved forward when that would take back what was shown, or lies before the last transition.
   * @returns         When it happened according to this account.
   */
  move(to: TerminalState, wishedMs: number): number {
    invariant(to !== this.#state, 'a transition leads to another state');
    const atMs = Math.max(wishedMs, this.#sinceMs, this.#shownToMs);
    if (isCredited(this.#state)) this.#totals[this.#state] += atMs - this.#sinceMs;
    this.#state = to;
    this.#sinceMs = atMs;
    this.#shownToMs = atMs;
    return atMs;
  }
}
