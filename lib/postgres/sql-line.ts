import { checkServerIdentity } from 'node:tls';
import { Client, DatabaseError } from 'pg';
import type { QueryConfig } from 'pg';
import { codeOf } from '#lib/base/errors.ts';
import type { Secret } from '#lib/base/secret.ts';
import { postgresErrors } from './errors.ts';
import type { SqlLine, SqlResult } from './instance.ts';

/** Where a line leads: a Unix socket's directory, or an address reached over TLS. */
export interface LineTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The first of these that exists and lets anybody in: a line of the agent's own must stand whatever was dropped. */
  readonly databases: readonly string[];
  readonly applicationName: string;
  /** Undefined for the Unix socket. Read at each connection, so that renewed certificates are used. */
  readonly tls: (() => { readonly certificate: string; readonly key: Secret; readonly authority: string }) | undefined;
}

/** Statements that may wait for their turn on one line; beyond it a caller is refused. */
const waitingMax = 16;

/** Sessions of ours never wait at the gate, unless a statement asks to. No limit but the caller's signal ends a statement. */
const sessionOptions = [
  'synchronous_commit=local',
  'statement_timeout=0',
  'idle_session_timeout=0',
  'client_min_messages=warning',
  // Set for a database or a role by a person, it would let every probe of ours through and no repair.
  'default_transaction_read_only=off',
  // What an owner set for a database could put functions and operators of theirs before those of the server, and our rights are greater.
  'search_path=public',
];

/** `invalid_catalog_name`, and a database that exists and lets nobody in. */
const closedDatabaseStates: readonly (string | undefined)[] = ['3D000', '55000'];

export function openSqlLine(target: LineTarget): SqlLine {
  let client: Client | undefined;
  let pid: number | undefined;
  let notices: string[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let closed = false;

  const drop = (broken: Client): void => {
    if (client === broken) client = pid = undefined;
    destroy(broken);
  };
  const enter = async (database: string, signal: AbortSignal): Promise<Client> => {
    const fresh = newClient(target, database);
    fresh.on('error', () => drop(fresh));
    fresh.on('end', () => drop(fresh));
    fresh.on('notice', (notice) => notices.push(notice.code ?? ''));
    await abortable(fresh.connect(), fresh, signal);
    return fresh;
  };
  const connect = async (signal: AbortSignal): Promise<Client> => {
    if (closed) throw postgresErrors.HK_POSTGRES_UNREACHABLE('the line is closed');
    if (client !== undefined) return client;
    client = await enterFirst(target.databases, (database) => enter(database, signal));
    pid = (client as unknown as { readonly processID: number | null }).processID ?? undefined;
    return client;
  };
  const run = async (statement: QueryConfig, signal: AbortSignal): Promise<SqlResult> => {
    signal.throwIfAborted();
    const current = await connect(signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw postgresErrors.HK_POSTGRES_UNREACHABLE(`${target.applicationName} to ${target.host}`, { cause: error });
    });
    notices = [];
    try {
      const answer: unknown = await abortable(current.query(statement), current, signal);
      return { rows: rowsOf(answer), notices };
    } catch (error) {
      signal.throwIfAborted();
      if (sqlStateOf(error) === undefined) drop(current);
      throw statementFailed(target, error);
    }
  };
  const inTurn = (statement: QueryConfig, signal: AbortSignal): Promise<SqlResult> => {
    if (waiting >= waitingMax)
      return Promise.reject(postgresErrors.HK_POSTGRES_SQL(`${target.applicationName}: ${waitingMax} statements wait already`));
    waiting += 1;
    const answer = turn.then(() => run(statement, signal)).finally(() => (waiting -= 1));
    turn = answer.catch(() => undefined);
    return answer;
  };
  return {
    // Without values the simple protocol is used, which takes several statements at once.
    query: (text, values, signal) => inTurn(values.length === 0 ? { text } : { text, values: [...values] }, signal),
    repeat: (name, text, signal) => inTurn({ name, text }, signal),
    backendPid: () => pid,
    close: async () => {
      closed = true;
      const last = client;
      client = pid = undefined;
      if (last === undefined) return;
      destroy(last);
      await turn;
    },
  };
}

/** Enters the first database that exists and lets anybody in. */
async function enterFirst<T>(databases: readonly string[], enter: (database: string) => Promise<T>): Promise<T> {
  const [first = '', ...others] = databases;
  try {
    return await enter(first);
  } catch (error) {
    if (others.length === 0 || !closedDatabaseStates.includes(sqlStateOf(error))) throw error;
    return await enterFirst(others, enter);
  }
}

function statementFailed({ applicationName }: LineTarget, cause: unknown): Error {
  const state = sqlStateOf(cause);
  if (state === undefined) return postgresErrors.HK_POSTGRES_UNREACHABLE(`${applicationName}: the connection broke`, { cause });
  if (state === diskFullState) return postgresErrors.HK_POSTGRES_DISK_FULL(applicationName, { cause });
  return postgresErrors.HK_POSTGRES_SQL(applicationName, { cause });
}

/** `disk_full`. A full log disk instead ends the server by PANIC; its log says so. */
const diskFullState = '53100';

/** SQLSTATE of an error of ours or of the driver's; undefined when the server did not answer with one. */
function sqlStateOf(error: unknown): string | undefined {
  return databaseErrorOf(error)?.code;
}

function databaseErrorOf(error: unknown): DatabaseError | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    if (current instanceof DatabaseError) return current;
  }
  return undefined;
}

/**
 * Where PostgreSQL refuses a session beyond the limit of its role, in any language. The sessions that fill our role's limit are our own
 * probes which hang: that says nothing good of the server.
 */
const roleLimitRoutine = 'InitializeSessionUserId';

/**
 * Why a line failed, as far as the error tells.
 *
 * refused   Nothing listens: the server is dead or not yet up.
 * starting  It listens and says that it starts, stops or recovers (57P03).
 * full      No connection slot is free (53300). It lives.
 * answered  It answered with another error, or our own sessions fill the limit of our role.
 * lost      The connection broke or was cut, or the deadline came: unknown.
 */
export type LineFailure = 'refused' | 'starting' | 'full' | 'answered' | 'lost';

export function lineFailureOf(error: unknown): LineFailure {
  const state = sqlStateOf(error);
  if (state === '57P03') return 'starting';
  if (state === '53300') return databaseErrorOf(error)?.routine === roleLimitRoutine ? 'answered' : 'full';
  // 57P01 and 57P02 end the session: the server or somebody closed it, so what follows is unknown.
  if (state !== undefined) return state.startsWith('57P') ? 'lost' : 'answered';
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    if (['ECONNREFUSED', 'ENOENT'].includes(codeOf(current) ?? '')) return 'refused';
  }
  return 'lost';
}

function newClient(target: LineTarget, database: string): Client {
  const tls = target.tls?.();
  return new Client({
    host: target.host,
    port: target.port,
    user: target.user,
    database,
    application_name: target.applicationName,
    options: sessionOptions.map((option) => `-c ${option}`).join(' '),
    keepAlive: true,
    types: { getTypeParser: () => (text: string) => text },
    ssl: tls !== undefined && {
      ca: tls.authority,
      cert: tls.certificate,
      key: tls.key.reveal(),
      minVersion: 'TLSv1.3',
      rejectUnauthorized: true,
      // Node would compare the name it was given for SNI, and an address is never given there.
      checkServerIdentity: (_name, certificate) => checkServerIdentity(target.host, certificate),
    },
  });
}

/** Waits for the driver; when the signal aborts first, the connection is destroyed, which ends the driver's wait too. */
async function abortable<T>(work: Promise<T>, client: Client, signal: AbortSignal): Promise<T> {
  const abort = (): void => destroy(client);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The driver's `end()` waits for the server; a hung one would keep it for ever. */
function destroy(client: Client): void {
  (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
}

function rowsOf(answer: unknown): SqlResult['rows'] {
  const results = (Array.isArray(answer) ? answer : [answer]) as readonly { readonly rows?: SqlResult['rows'] }[];
  return results.flatMap(({ rows }) => rows ?? []);
}
