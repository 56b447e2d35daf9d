import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { QueryConfig } from 'pg';
import type { Secret } from '#lib/base/secret.ts';
import { messageOf } from '#lib/base/errors.ts';
import { database } from './names.ts';

export interface WriterWish {
  /** Addresses of the pair's name, asked anew before each connection. */
  readonly resolve: () => Promise<readonly string[]>;
  /** The pair's DNS name, which the certificate of the server bears. */
  readonly name: string;
  readonly port: number;
  readonly tls: { readonly authority: string; readonly certificate: string; readonly key: Secret };
}

const connectMaxMs = 500;
const attemptMaxMs = 1_000;
const againMs = 10;
const pauseMs = 4;

/**
 * A client of the pair: commits one number after the other, each until it is acknowledged, so that everything up to the last one is.
 *
 * A commit whose answer is lost is repeated with the same number. When the row is there already, the repetition writes a message into the
 * log all the same: only a transaction that writes waits for the standby. A wait for the standby that was cancelled is a warning to
 * PostgreSQL, and no acknowledgement to us.
 */
export class Writer implements AsyncDisposable {
  readonly #wish: WriterWish;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #acknowledged = 0;
  #retries = 0;
  #lastError = '';
  #lastMs = 0;
  #longestGapMs = 0;

  constructor(wish: WriterWish) {
    this.#wish = wish;
  }

  start(): void {
    this.#lastMs = performance.now();
    this.#running = this.#run();
  }

  /** The highest acknowledged number; each below it is acknowledged, too. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Attempts that had to be repeated. */
  get retries(): number {
    return this.#retries;
  }

  /** Why the last attempt failed; empty before the first failure. */
  get lastError(): string {
    return this.#lastError;
  }

  get sinceLastMs(): number {
    return performance.now() - this.#lastMs;
  }

  /** Measures the longest time between two acknowledgements from now on, the one that lasts now included. */
  watchGaps(): void {
    this.#longestGapMs = 0;
  }

  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, this.sinceLastMs);
  }

  /** Acknowledged numbers that are not in the table now, as whoever leads now sees it. */
  async lost(): Promise<number> {
    const last = this.#acknowledged;
    const client = await this.#connect();
    try {
      const { rows } = await client.query<{ readonly lost: string }>({
        text: `SELECT count(*) AS lost FROM generate_series(1, $1::bigint) AS n WHERE NOT EXISTS (SELECT FROM written WHERE id = n)`,
        values: [last],
        query_timeout: readMaxMs,
      } as QueryConfig);
      return Number(rows[0]?.lost);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let client: Client | undefined;
    let next = 1;
    while (!this.#stop.signal.aborted) {
      try {
        client ??= await this.#connect();
        await commit(client, next);
        this.#acknowledge(next);
        next += 1;
        await sleep(pauseMs);
      } catch (error) {
        this.#retries += 1;
        this.#lastError = messageOf(error);
        close(client);
        client = undefined;
        await sleep(againMs);
      }
    }
    await client?.end().catch(() => undefined);
  }

  #acknowledge(id: number): void {
    const nowMs = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#acknowledged = id;
  }

  async #connect(): Promise<Client> {
    const { resolve, name, port, tls } = this.#wish;
    const [host] = await resolve();
    if (host === undefined) throw new Error(`${name} has no address`);
    const client = new Client({
      host,
      port,
      user: database.owner,
      database: database.name,
      connectionTimeoutMillis: connectMaxMs,
      query_timeout: attemptMaxMs,
      ssl: { ca: tls.authority, cert: tls.certificate, key: tls.key.reveal(), servername: name, minVersion: 'TLSv1.3' },
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('CREATE TABLE IF NOT EXISTS written (id bigint PRIMARY KEY)');
      return client;
    } catch (error) {
      close(client);
      throw error;
    }
  }
}

const readMaxMs = 30_000;

/** Without waiting: the server may be gone without a word. */
function close(client: Client | undefined): void {
  void client?.end().catch(() => undefined);
}

async function commit(client: Client, id: number): Promise<void> {
  let isDoubtful = false;
  const onNotice = ({ code }: { readonly code: string | undefined }): void => {
    isDoubtful ||= code === cancelledWait;
  };
  client.on('notice', onNotice);
  try {
    const { rowCount } = await client.query('INSERT INTO written VALUES ($1) ON CONFLICT DO NOTHING', [id]);
    if (rowCount === 0) await client.query(`SELECT pg_logical_emit_message(true, 'again', '')`);
    if (isDoubtful) throw new Error('the wait for the standby was cancelled');
  } finally {
    client.off('notice', onNotice);
  }
}

const cancelledWait = '01000';
