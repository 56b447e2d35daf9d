import type { Clock } from '#lib/base/clock.ts';
import { codeOf } from '#lib/base/errors.ts';
import type { HistoryPage, HistoryRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { hallErrors } from '../errors.ts';
import { wireTransitionOf } from '../feed.ts';
import { isTerminalName } from '../roster.ts';
import { isTerminalState } from '../terminal-states.ts';
import type { TerminalState } from '../terminal-states.ts';
import { LedgerSession } from './ledger-session.ts';
import type { LedgerAddress, Row } from './ledger-session.ts';

/** Readers that wait for the one connection; more are refused with a hint when to come back. */
const waitingMax = 16;
const pageMax = 1_000;
const namesMax = 1_000;
/** Numbers of the feed are PostgreSQL's bigint; times are those of Date, from 1970 on. */
const numberMax = 2n ** 63n - 1n;
const unixMsMax = 8_640_000_000_000_000n;

/** Reads the history over a connection of its own, one reader after the other, so that readers never hold up the writer. */
export class HistoryReader {
  readonly #address: LedgerAddress;
  readonly #clock: Clock;
  #session: LedgerSession | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isClosed = false;

  constructor(address: LedgerAddress, clock: Clock) {
    this.#address = address;
    this.#clock = clock;
  }

  /**
   * @param signal  Ends the wait for a turn as well; a reader whose time is over leaves the connection to the next one.
   * @throws HK_HISTORY_INVALID, HK_RATE_EXCEEDED, HK_LEDGER_AWAY, the signal's reason
   */
  async read(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    checkRequest(request);
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

  /** Whoever waits for a turn is refused. */
  close(): void {
    this.#isClosed = true;
    this.#session?.destroy();
  }

  async #read(request: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    const session = await this.#open(signal);
    const limit = request.limit === 0 ? pageMax : request.limit;
    try {
      const { terminals, fromNumber, fromUnixMs, untilUnixMs } = request;
      const values = [String(fromNumber), terminals, textOf(fromUnixMs), textOf(untilUnixMs), limit + 1];
      const rows = await session.query('read-history', values, signal);
      const next = rows[limit];
      return {
        transitions: rows.slice(0, limit).map(transitionOf),
        nextNumber: next === undefined ? undefined : BigInt(String(next['number'])),
      };
    } catch (error) {
      if (codeOf(error) === 'HK_LEDGER_AWAY') session.destroy();
      throw error;
    }
  }

  async #open(signal: AbortSignal): Promise<LedgerSession> {
    signal.throwIfAborted();
    if (this.#isClosed) throw closed();
    if (this.#session !== undefined && !this.#session.isBroken) return this.#session;
    const session = await LedgerSession.open(this.#address, this.#clock, signal);
    this.#session = session;
    // Closed while it was being opened: nobody else would cut it.
    if (this.#isClosed) session.destroy();
    if (this.#isClosed) throw closed();
    // Which index serves a question depends on its values: a plan for whatever values would read the table from its start.
    await session.query('set-history-session', [], signal);
    return session;
  }
}

const closed = (): Error => hallErrors.HK_LEDGER_AWAY('the hall server ends');

/** @throws HK_HISTORY_INVALID  naming every problem. */
export function checkRequest({ limit, terminals, fromNumber, fromUnixMs, untilUnixMs }: HistoryRequest): void {
  const isTime = (value: bigint | undefined): boolean => value === undefined || (value >= 0n && value <= unixMsMax);
  const problems = [
    ...(limit > pageMax ? [`limit must be at most ${pageMax}`] : []),
    ...(terminals.length > namesMax ? [`terminals must be at most ${namesMax}`] : []),
    ...(terminals.slice(0, namesMax).every(isTerminalName) ? [] : ['terminals must be names of terminals']),
    ...(fromNumber > numberMax ? [`fromNumber must be at most ${numberMax}`] : []),
    ...(isTime(fromUnixMs) ? [] : [`fromUnixMs must be from 0 to ${unixMsMax}`]),
    ...(isTime(untilUnixMs) ? [] : [`untilUnixMs must be from 0 to ${unixMsMax}`]),
  ];
  if (problems.length > 0) throw hallErrors.HK_HISTORY_INVALID(problems.join('; '));
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
