import type { Clock } from '#lib/base/clock.ts';
import { codeOf } from '#lib/base/errors.ts';
import type { HistoryPage, HistoryRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { hallErrors } from '../errors.ts';
import { wireTransitionOf } from '../feed.ts';
import { isTerminalState } from '../terminal-states.ts';
import type { TerminalState } from '../terminal-states.ts';
import { LedgerSession } from './ledger-session.ts';
import type { LedgerAddress, Row } from './ledger-session.ts';

/** Readers that wait for the one connection; more are refused with a hint when to come back. */
const waitingMax = 16;
const pageMax = 1_000;
const namesMax = 1_000;

/** Reads the history over a connection of its own, one reader after the other, so that readers never hold up the writer. */
export class HistoryReader {
  readonly #address: LedgerAddress;
  readonly #clock: Clock;
  #session: LedgerSession | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(address: LedgerAddress, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
  }

  /** @throws HK_HISTORY_INVALID, HK_RATE_EXCEEDED, HK_LEDGER_AWAY */
  async read(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    if (request.limit > pageMax || request.terminals.length > namesMax) {
      throw hallErrors.HK_HISTORY_INVALID(`limit must be at most ${pageMax}, terminals at most ${namesMax}`);
    }
    if (this.#waiting >= waitingMax) throw hallErrors.HK_RATE_EXCEEDED(`${waitingMax} readers wait for the history`);
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#read(request, signal));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  close(): void {
    this.#session?.destroy();
  }

  async #read(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    const limit = request.limit === 0 ? pageMax : request.limit;
    if (this.#session === undefined || this.#session.isBroken) this.#session = await LedgerSession.open(this.#address, this.#clock, signal);
    try {
      const { terminals, fromNumber, fromUnixMs, untilUnixMs } = request;
      const values = [String(fromNumber), terminals, textOf(fromUnixMs), textOf(untilUnixMs), limit + 1];
      const rows = await this.#session.query('read-history', values, signal);
      const next = rows[limit];
      return {
        transitions: rows.slice(0, limit).map(transitionOf),
        nextNumber: next === undefined ? undefined : BigInt(String(next['number'])),
      };
    } catch (error) {
      if (codeOf(error) === 'HK_LEDGER_AWAY') this.#session.destroy();
      throw error;
    }
  }
}

const textOf = (value: bigint | undefined): string | null => (value === undefined ? null : String(value));

function transitionOf(row: Row): HistoryPage['transitions'][number] {
  const item = {
    terminal: String(row['terminal']),
    from: stateOf(row['from_state']),
    to: stateOf(row['to_state']),
    atMs: Number(row['at_ms']),
    decidedAtMs: Number(row['decided_at_ms']),
    why: String(row['why']),
  };
  return wireTransitionOf(item, BigInt(String(row['epoch'])), BigInt(String(row['number'])));
}

function stateOf(value: unknown): TerminalState {
  const text = String(value);
  return isTerminalState(text) ? text : 'unknown';
}
