import { Client } from 'pg';
import type { QueryConfig } from 'pg';
import type { Clock } from '#lib/base/clock.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { hallErrors } from '../errors.ts';
import { statement } from './statements.ts';

export interface LedgerAddress {
  readonly socketDirectory: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** For connecting, and for one statement on top of its `statement_timeout` of 5 s. */
const connectMaxMs = 5_000;
const statementMaxMs = 7_000;
/**
 * For COMMIT, which waits for the standby. A commit that was given up leaves a backend waiting in PostgreSQL, so this is long: one
 * connection a minute at worst, which the pair's own degrading ends much earlier.
 */
const commitMaxMs = 60_000;

export type Row = Readonly<Record<string, unknown>>;

/** One connection to the ledger. It never changes `synchronous_commit`, and a commit that was not waited for is a failure. */
export class LedgerSession {
  readonly #client: Client;
  readonly #clock: Clock;
  #broken: Error | undefined;
  #falseAck = false;

  private constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    client.on('error', (error) => (this.#broken ??= error));
    client.on('end', () => (this.#broken ??= new Error('the connection ended')));
    client.on('notice', (notice) => {
      if (notice.severity === 'WARNING' && notice.code === '01000') this.#falseAck = true;
    });
  }

  /** @throws HK_LEDGER_AWAY */
  static async open(address: LedgerAddress, clock: Clock, signal: AbortSignal): Promise<LedgerSession> {
    const client = new Client({
      host: address.socketDirectory,
      port: address.port,
      database: address.database,
      user: address.user,
      application_name: 'hallkeeper-hall',
      connectionTimeoutMillis: connectMaxMs,
      keepAlive: true,
    });
    const session = new LedgerSession(client, clock);
    try {
      signal.throwIfAborted();
      await session.#guard(client.connect(), connectMaxMs, signal);
      await session.query('set-session', [], signal);
      return session;
    } catch (error) {
      session.destroy();
      throw awayUnlessOurs(error);
    }
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** Runs `hall/sql/<name>.sql`. @throws HK_LEDGER_AWAY, HK_LEDGER_REFUSED when a value is none that PostgreSQL takes. */
  async query(name: string, values: readonly unknown[], signal: AbortSignal): Promise<readonly Row[]> {
    return this.#run({ name: `ledger_${name.replaceAll('/', '_')}`, text: statement(name), values: [...values] }, statementMaxMs, signal);
  }

  /**
   * Runs one statement of a migration, or one of ours without a file.
   *
   * @param maxMs  Its limit at this side; PostgreSQL's own is the `statement_timeout` of the session or the transaction.
   * @throws HK_LEDGER_AWAY
   */
  async execute(text: string, signal: AbortSignal, maxMs = statementMaxMs): Promise<void> {
    await this.#run({ text }, maxMs, signal);
  }

  /**
   * Runs `work` in one transaction and commits it as durably as the pair demands. After any failure the session is closed: whether
   * the commit happened is then unknown, and the same work must be repeatable.
   *
   * @throws HK_LEDGER_FALSE_ACK  when PostgreSQL says that the wait for the standby was cancelled (WARNING 01000).
   * @throws HK_LEDGER_AWAY, HK_LEDGER_REFUSED
   */
  async transaction<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      await this.execute('begin', signal);
      const result = await work();
      this.#falseAck = false;
      await this.#run({ text: 'commit' }, commitMaxMs, signal);
      if (this.#falseAck) throw hallErrors.HK_LEDGER_FALSE_ACK();
      return result;
    } catch (error) {
      this.destroy();
      throw awayUnlessOurs(error);
    }
  }

  /** Cuts the connection without a farewell: nothing of ours is sent after this. */
  destroy(): void {
    this.#broken ??= new Error('the connection was closed');
    const { stream } = (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection;
    stream.destroy();
  }

  async #run(query: QueryConfig, maxMs: number, signal: AbortSignal): Promise<readonly Row[]> {
    if (this.#broken !== undefined) throw hallErrors.HK_LEDGER_AWAY(this.#broken.message);
    try {
      const result = await this.#guard(this.#client.query(query), maxMs, signal);
      return result.rows as readonly Row[];
    } catch (error) {
      if (this.#broken !== undefined || codeOf(error) === undefined) this.destroy();
      throw awayUnlessOurs(error);
    }
  }

  /** Cuts the connection when the time is over or the signal aborts: a statement under way cannot be taken back. */
  async #guard<T>(work: Promise<T>, maxMs: number, signal: AbortSignal): Promise<T> {
    const done = new AbortController();
    const late = this.#clock.sleep(maxMs, AbortSignal.any([done.signal, signal])).then(
      () => {
        throw hallErrors.HK_LEDGER_AWAY(`no answer within ${maxMs} ms`);
      },
      (reason: unknown) => {
        if (signal.aborted) throw reason;
        return new Promise<never>(() => undefined);
      },
    );
    work.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      if (signal.aborted || codeOf(error) === 'HK_LEDGER_AWAY') this.destroy();
      throw error;
    } finally {
      done.abort();
    }
  }
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint): the same statement is refused for ever. */
const refusedState = /^2[23][0-9A-Z]{3}$/;

function awayUnlessOurs(error: unknown): Error {
  if (refusedState.test(codeOf(error) ?? '')) return hallErrors.HK_LEDGER_REFUSED(messageOf(error), { cause: error });
  return codeOf(error)?.startsWith('HK_') === true ? (error as Error) : hallErrors.HK_LEDGER_AWAY(messageOf(error), { cause: error });
}
