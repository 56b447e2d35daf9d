import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { Clock } from '#lib/base/clock.ts';
import type { KubeCredentials, TlsMaterial } from './credentials.ts';

/** Watches hold their streams for minutes; they have connections of their own so that they never delay a lease renewal. */
export type Lane = 'call' | 'watch';

/** A place to send one request to. */
export interface Route {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** Prefix of every path, without a slash at its end; empty when the server is at the root. */
  readonly basePath: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How the client reaches a cluster; tests may bring their own. */
export interface Connection {
  readonly host: string;
  route(lane: Lane): Promise<Route>;
  /** The server did not accept the credentials. Returns whether asking again may help. */
  refused(): boolean;
  /** A request ran out of time on this route: later ones get a fresh connection. */
  suspect(lane: Lane, route: Route): void;
  /** Ends every connection; requests still running fail. */
  close(): Promise<void>;
}

export type CredentialSource = Pick<KubeCredentials, 'server' | 'current' | 'refused'>;

/** Each carries one request at a time; a further one waits for a free connection, within its own deadline. */
const connectionsMax = { call: 32, watch: 64 } as const;
const connectMaxMs = 10_000;
/** Idle connections stay this long, longer than a lease's retry period, so that a renewal needs no handshake. */
const keepAliveMs = 60_000;
/** A slow server must not make us open connection after connection. */
const freshMinMs = 1_000;

/** Two pools of connections to one API server, rebuilt when the bytes of CA or client certificate change. */
export class PooledConnection implements Connection {
  readonly host: string;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #credentials: CredentialSource;
  readonly #clock: Clock;
  readonly #pools = new Map<Lane, { readonly pool: Pool; readonly fingerprint: string; readonly openedAtMs: number }>();
  /** Replaced pools whose last requests are still running. */
  readonly #retired = new Set<Pool>();
  #closed = false;

  constructor(credentials: CredentialSource, clock: Clock) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#origin = credentials.server.origin;
    this.#basePath = credentials.server.pathname.replace(/\/$/, '');
    this.host = credentials.server.host;
  }

  async route(lane: Lane): Promise<Route> {
    const { tls, headers } = await this.#credentials.current();
    return {
      dispatcher: this.#poolFor(lane, tls),
      origin: this.#origin,
      basePath: this.#basePath,
      headers: Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
    };
  }

  refused(): boolean {
    return this.#credentials.refused();
  }

  suspect(lane: Lane, route: Route): void {
    const current = this.#pools.get(lane);
    if (current?.pool !== route.dispatcher || this.#clock.nowMs() - current.openedAtMs < freshMinMs) return;
    this.#pools.delete(lane);
    this.#retire(current.pool);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...[...this.#pools.values()].map(({ pool }) => pool), ...this.#retired];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #poolFor(lane: Lane, tls: TlsMaterial): Pool {
    const current = this.#pools.get(lane);
    if (current?.fingerprint === tls.fingerprint) return current.pool;
    if (current !== undefined) this.#retire(current.pool);
    const pool = openPool(this.#origin, lane, tls);
    if (this.#closed) pool.destroy().catch(() => undefined);
    else this.#pools.set(lane, { pool, fingerprint: tls.fingerprint, openedAtMs: this.#clock.nowMs() });
    return pool;
  }

  /** Lets running requests end, which they do: every one has a deadline. */
  #retire(pool: Pool): void {
    this.#retired.add(pool);
    void pool
      .close()
      .catch(() => undefined)
      .then(() => this.#retired.delete(pool));
  }
}

function openPool(origin: string, lane: Lane, { ca, cert, key, servername }: TlsMaterial): Pool {
  return new Pool(origin, {
    connections: connectionsMax[lane],
    // Node writes frames without end, and takes memory until it is killed, when a stream is closed and destroyed before its body is sent
    // (decision 0030); that is how undici gives up a request. Over HTTP/1.1 giving up closes the connection.
    allowH2: false,
    // Deadlines are the client's own, per call: undici's defaults of 300 s would end a quiet watch.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    connect: {
      timeout: connectMaxMs,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      // Said aloud, because an environment variable of Node could switch verification off.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
    },
  });
}
