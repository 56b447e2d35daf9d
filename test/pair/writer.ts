import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as PostgresClient } from 'pg';
import type { Client } from './pair-stand.ts';

/** One commit of a client, retries of the same key included. */
export interface Acknowledged {
  readonly id: number;
  /** When the attempt that was acknowledged began, in milliseconds of the process. */
  readonly sentMs: number;
  /** When it was acknowledged, likewise. */
  readonly atMs: number;
}

export interface WriterConnection {
  readonly port: number;
  readonly client: Client;
  /** The address to come from, where the machine has several. */
  readonly localAddress?: string | undefined;
}

export interface WriterPace {
  /** The first id; writers of one pair use ranges of their own. */
  readonly firstId?: number;
  /** Between two commits; the next one begins at once where one took longer. */
  readonly everyMs?: number;
  /** After a failed attempt. */
  readonly retryMs?: number;
  /** A connection, or a commit, that takes longer is given up and tried again. */
  readonly attemptMs?: number;
}

const attemptMsDefault = 1_000;
const connectMs = 500;
/** For whoever does not measure: the machine may be busy with other work. */
const patientMs = 60_000;
const retryMsDefault = 10;

/**
 * A client that commits one unique id after the other through the pair, over TLS with its own certificate, and repeats a doubtful one
 * with the same id. A repeated insert that finds its row writes a message into the WAL, because only a transaction that writes waits.
 */
export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  retries = 0;
  lastError = '';
  readonly #addresses: () => Promise<readonly string[]>;
  readonly #connection: WriterConnection;
  readonly #pace: Required<WriterPace>;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(addresses: () => Promise<readonly string[]>, connection: WriterConnection, pace: WriterPace = {}) {
    this.#addresses = addresses;
    this.#connection = connection;
    this.#pace = { firstId: 1, everyMs: 0, retryMs: retryMsDefault, attemptMs: attemptMsDefault, ...pace };
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let client: PostgresClient | undefined;
    const { firstId, everyMs, retryMs } = this.#pace;
    for (let id = firstId; !this.#stop.signal.aborted;) {
      try {
        client ??= await this.#connect();
        const sentMs = performance.now();
        await commit(client, id);
        const atMs = performance.now();
        this.acknowledged.push({ id, sentMs, atMs });
        id += 1;
        if (everyMs > 0) await sleep(Math.max(0, everyMs - (atMs - sentMs)));
      } catch (error) {
        this.retries += 1;
        this.lastError = error instanceof Error ? error.message : String(error);
        await client?.end().catch(() => undefined);
        client = undefined;
        await sleep(retryMs);
      }
    }
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<PostgresClient> {
    const [host] = await this.#addresses();
    if (host === undefined) throw new Error('the name has no address');
    const client = newClient(host, this.#connection, this.#pace.attemptMs);
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

/** A socket that comes from an address of its own choice, which pg itself does not offer. */
class BoundSocket extends Socket {
  readonly #localAddress: string;

  constructor(localAddress: string) {
    super();
    this.#localAddress = localAddress;
  }

  override connect(...args: unknown[]): this {
    const [port, host] = args as [number, string];
    return super.connect({ port, host, localAddress: this.#localAddress });
  }
}

export function newClient(
  host: string,
  { port, client: own, localAddress }: WriterConnection,
  attemptMs = attemptMsDefault,
): PostgresClient {
  const client = new PostgresClient({
    host,
    port,
    ...(localAddress === undefined ? {} : { stream: () => new BoundSocket(localAddress) }),
    user: 'app',
    database: 'app',
    connectionTimeoutMillis: Math.max(Math.min(connectMs, attemptMs), attemptMs / 2),
    query_timeout: attemptMs,
    ssl: { ca: own.authority, cert: own.certificate, key: own.key.reveal(), minVersion: 'TLSv1.3' },
  });
  client.on('error', () => undefined);
  return client;
}

/** Every id that the member at this address holds. */
export async function readWritten(host: string, connection: WriterConnection): Promise<ReadonlySet<number>> {
  const client = newClient(host, connection, patientMs);
  try {
    await client.connect();
    const { rows } = await client.query<{ readonly id: string }>('SELECT id FROM written');
    return new Set(rows.map(({ id }) => Number(id)));
  } finally {
    await client.end();
  }
}

/** Writes nothing but WAL until the server gives up, or the limit is reached. Says how it ended. */
export async function floodLog(host: string, connection: WriterConnection, megabytesMax: number): Promise<string> {
  const client = newClient(host, connection, patientMs);
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
export async function commit(client: PostgresClient, id: number): Promise<void> {
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
