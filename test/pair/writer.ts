import { setTimeout as sleep } from 'node:timers/promises';
import { Client as PostgresClient } from 'pg';
import type { Client } from './pair-stand.ts';

/** One commit of a client, retries of the same key included. */
export interface Acknowledged {
  readonly id: number;
  /** When it was acknowledged, in milliseconds of the process. */
  readonly atMs: number;
}

const attemptMs = 1_000;
const connectMs = 500;
const pauseMs = 10;

/**
 * A client that commits one unique id after the other through the pair, over TLS with its own certificate, and repeats a doubtful one
 * with the same id. A repeated insert that finds its row writes a message into the WAL, because only a transaction that writes waits.
 */
export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  retries = 0;
  lastError = '';
  readonly #addresses: () => Promise<readonly string[]>;
  readonly #connection: { readonly port: number; readonly client: Client };
  readonly #firstId: number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** @param firstId  Writers of one pair use ranges of their own. */
  constructor(
    addresses: () => Promise<readonly string[]>,
    connection: { readonly port: number; readonly client: Client },
    { firstId = 1 }: { readonly firstId?: number } = {},
  ) {
    this.#addresses = addresses;
    this.#connection = connection;
    this.#firstId = firstId;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** The longest time between two acknowledgements since `sinceMs`, until now. */
  longestGapMs(sinceMs: number): number {
    const times = [sinceMs, ...this.acknowledged.filter(({ atMs }) => atMs >= sinceMs).map(({ atMs }) => atMs), performance.now()];
    return times.reduce((longest, at, index) => Math.max(longest, index === 0 ? 0 : at - (times[index - 1] ?? at)), 0);
  }

  async #run(): Promise<void> {
    let client: PostgresClient | undefined;
    for (let id = this.#firstId; !this.#stop.signal.aborted;) {
      try {
        client ??= await this.#connect();
        await commit(client, id);
        this.acknowledged.push({ id, atMs: performance.now() });
        id += 1;
      } catch (error) {
        this.retries += 1;
        this.lastError = error instanceof Error ? error.message : String(error);
        await client?.end().catch(() => undefined);
        client = undefined;
        await sleep(pauseMs);
      }
    }
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<PostgresClient> {
    const [host] = await this.#addresses();
    if (host === undefined) throw new Error('the name has no address');
    const client = newClient(host, this.#connection);
    try {
      await client.connect();
      await client.query('CREATE TABLE IF NOT EXISTS written (id bigint PRIMARY KEY)');
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  }
}

function newClient(host: string, { port, client: own }: { readonly port: number; readonly client: Client }): PostgresClient {
  const client = new PostgresClient({
    host,
    port,
    user: 'app',
    database: 'app',
    connectionTimeoutMillis: connectMs,
    query_timeout: attemptMs,
    ssl: { ca: own.authority, cert: own.certificate, key: own.key.reveal(), minVersion: 'TLSv1.3' },
  });
  client.on('error', () => undefined);
  return client;
}

/** Every id that the member at this address holds. */
export async function readWritten(
  host: string,
  connection: { readonly port: number; readonly client: Client },
): Promise<ReadonlySet<number>> {
  const client = newClient(host, connection);
  try {
    await client.connect();
    const { rows } = await client.query<{ readonly id: string }>('SELECT id FROM written');
    return new Set(rows.map(({ id }) => Number(id)));
  } finally {
    await client.end();
  }
}

/** Writes nothing but WAL until the server gives up, or the limit is reached. Says how it ended. */
export async function floodLog(
  host: string,
  connection: { readonly port: number; readonly client: Client },
  megabytesMax: number,
): Promise<string> {
  const client = newClient(host, connection);
  try {
    await client.connect();
    for (let written = 0; written < megabytesMax; written += 1) {
      await client.query(`SELECT pg_logical_emit_message(false, 'flood', repeat('x', 1048576))`);
    }
    return 'reached the limit';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A cancelled wait for the standby is a warning to PostgreSQL and a failure to us. */
async function commit(client: PostgresClient, id: number): Promise<void> {
  let doubtful = false;
  const onNotice = (notice: { readonly code: string | undefined }): void => {
    doubtful ||= notice.code === '01000';
  };
  client.on('notice', onNotice);
  try {
    const { rowCount } = await client.query('INSERT INTO written VALUES ($1) ON CONFLICT DO NOTHING', [id]);
    if (rowCount === 0) await client.query(`SELECT pg_logical_emit_message(true, 'again', '')`);
    if (doubtful) throw new Error('the wait for the standby was cancelled');
  } finally {
    client.off('notice', onNotice);
  }
}
