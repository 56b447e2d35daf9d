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

/** A transition that was decided and waits to be written. */
interface UnwrittenMove {
  readonly from: TerminalState;
  readonly to: TerminalState;
  readonly atMs: number;
}

/** What the ledger holds: a new leader would begin from here. */
interface WrittenAccount {
  state: TerminalState;
  sinceMs: number;
  readonly totals: Record<TerminalState, number>;
}

/**
 * The time one terminal spent in each state. All times are the hall's, in whole milliseconds.
 *
 * What a reader was shown is never taken back: a transition is placed at or after the end of what was shown, and only what is written
 * is shown, so that no total ever goes back, also when another member takes over before a transition was committed. The credited
 * totals add up to the time that was watched.
 */
export class TimeAccount {
  #state: TerminalState;
  #sinceMs: number;
  #shownToMs: number;
  readonly #totals: Record<TerminalState, number>;
  readonly #written: WrittenAccount;
  /** Bounded by the items that may wait for the ledger. */
  readonly #unwritten: UnwrittenMove[] = [];

  constructor(start: AccountStart) {
    this.#state = start.state;
    this.#sinceMs = start.sinceMs;
    this.#shownToMs = start.sinceMs;
    this.#totals = { ...start.totals };
    this.#written = { state: start.state, sinceMs: start.sinceMs, totals: { ...start.totals } };
  }

  /** As decided, written or not. */
  get state(): TerminalState {
    return this.#state;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Total of one state as decided, without the running part. */
  settled(state: TerminalState): number {
    return this.#totals[state];
  }

  settledTotals(): StateTotals {
    return { ...this.#totals };
  }

  /**
   * Totals as they may be shown now: those that are written, and of the written state what the next leader would credit too.
   *
   * @param horizonMs  End of the last durable observer row: later time may yet turn out to have been watched by nobody.
   * @param heardMs    Time of the last heartbeat; undefined: none. The states of a terminal that is heard count no further.
   */
  show(horizonMs: number, heardMs: number | undefined): StateTotals {
    const { state, sinceMs, totals } = this.#written;
    const watchedMs = isHeard(state) ? Math.min(horizonMs, heardMs ?? sinceMs) : horizonMs;
    const toMs = Math.min(watchedMs, this.#unwritten[0]?.atMs ?? watchedMs);
    this.#shownToMs = Math.max(this.#shownToMs, toMs);
    if (!isCredited(state)) return { ...totals };
    return { ...totals, [state]: totals[state] + (this.#shownToMs - sinceMs) };
  }

  /**
   * Moves to another state and credits the one that ends. Shown once it is `written`.
   *
   * @param wishedMs  When it happened. Moved forward when that would take back what was shown, or lies before the last transition.
   * @returns         When it happened according to this account.
   */
  move(to: TerminalState, wishedMs: number): number {
    invariant(to !== this.#state, 'a transition leads to another state');
    const atMs = Math.max(wishedMs, this.#sinceMs, this.#shownToMs);
    if (isCredited(this.#state)) this.#totals[this.#state] += atMs - this.#sinceMs;
    this.#unwritten.push({ from: this.#state, to, atMs });
    this.#state = to;
    this.#sinceMs = atMs;
    return atMs;
  }

  /** The oldest transition that waited is in the ledger. */
  written(): void {
    const move = this.#unwritten.shift();
    if (move === undefined) return;
    const { totals } = this.#written;
    if (isCredited(move.from)) totals[move.from] += move.atMs - this.#written.sinceMs;
    this.#written.state = move.to;
    this.#written.sinceMs = move.atMs;
    this.#shownToMs = Math.max(this.#shownToMs, move.atMs);
  }
}
