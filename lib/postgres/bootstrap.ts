import { messageOf } from '#lib/base/errors.ts';
import { postgresErrors } from './errors.ts';
import type { DatabaseSettings, SqlLine } from './instance.ts';
import { builtInRoles, ownDatabase } from './instance.ts';

/** Functions that pg_rewind calls at its source; PostgreSQL's manual names them for a role that is no superuser. */
const rewindFunctions = [
  'pg_catalog.pg_ls_dir(text, boolean, boolean)',
  'pg_catalog.pg_stat_file(text, boolean)',
  'pg_catalog.pg_read_binary_file(text)',
  'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)',
] as const;

/** What our own reading of the source's lineage needs besides. */
const lineageFunctions = ['pg_catalog.pg_ls_waldir()'] as const;

/** Opens a line of the agent's own to a database of this instance; undefined: to whichever there is. */
type OpenLine = (database: string | undefined) => SqlLine;

/**
 * Roles, databases and rights of a pair, each made only when it is missing, so that it may run again after any interruption, and after a
 * person dropped a database. Rights on functions belong to one database each, so template1 comes first: what is created later inherits
 * from it. What was made from template0, as by `pg_restore --create`, does not, and so every database is visited in the end.
 *
 * @throws AggregateError when some databases only could not be visited: an event trigger may refuse in one what all others took.
 */
export async function bootstrapServer(openLine: OpenLine, databases: readonly DatabaseSettings[], signal: AbortSignal): Promise<void> {
  await useLine(openLine('template1'), (line) => revokeCancel(line, signal));
  const names = await useLine(openLine(undefined), async (line) => {
    await ensureRoles(line, databases, signal);
    for (const name of ['postgres', ownDatabase]) await ensureBuiltInDatabase(line, name, signal);
    for (const database of databases) await ensureDatabase(line, database, signal);
    const { rows } = await line.query('SELECT datname AS name FROM pg_database WHERE datallowconn ORDER BY oid', [], signal);
    return rows.flatMap(({ name }) => name ?? []);
  });
  await useLine(openLine(ownDatabase), (line) => prepareOwnDatabase(line, signal));
  const failures: unknown[] = [];
  for (const name of names) {
    signal.throwIfAborted();
    await useLine(openLine(name), (line) => revokeCancel(line, signal)).catch((error: unknown) => failures.push(error));
  }
  signal.throwIfAborted();
  if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => messageOf(failure)).join('; '));
}

/** From 17 on event triggers, which may refuse any statement of ours, can be left out. */
const withoutEventTriggers = `SELECT set_config('event_triggers', 'off', false) WHERE current_setting('event_triggers', true) IS NOT NULL`;

async function useLine<T>(line: SqlLine, work: (line: SqlLine) => Promise<T>): Promise<T> {
  try {
    return await work(line);
  } finally {
    await line.close();
  }
}

/** The numbers of all databases that let anybody in. */
export async function databasesNow(line: SqlLine, signal: AbortSignal): Promise<string> {
  const { rows } = await line.repeat('databases', databasesQuery, signal);
  return rows[0]?.['numbers'] ?? '';
}

const databasesQuery = `SELECT string_agg(oid::text, ' ' ORDER BY oid) AS numbers FROM pg_database WHERE datallowconn`;

async function ensureRoles(line: SqlLine, databases: readonly DatabaseSettings[], signal: AbortSignal): Promise<void> {
  const owners = [...new Set(databases.map(({ owner }) => owner))];
  const wanted: readonly (readonly [string, string])[] = [
    [builtInRoles.replication, 'LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT'],
    [builtInRoles.canary, 'LOGIN NOREPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 8'],
    [builtInRoles.hall, 'LOGIN NOREPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE'],
    ...owners.map((owner) => [owner, 'LOGIN NOREPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE'] as const),
  ];
  for (const [role, options] of wanted) {
    const { rows } = await line.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role], signal);
    await line.query(`${rows.length === 0 ? 'CREATE' : 'ALTER'} ROLE ${quoteName(role)} ${options}`, [], signal);
  }
}

/** From template0: a line of the agent's own may stand in template1 when these are gone, and nothing can be made from one that is in use. */
async function ensureBuiltInDatabase(line: SqlLine, name: string, signal: AbortSignal): Promise<void> {
  const { rows } = await line.query('SELECT 1 FROM pg_database WHERE datname = $1', [name], signal);
  if (rows.length > 0) return;
  await line.query(`CREATE DATABASE ${quoteName(name)} OWNER ${quoteName(builtInRoles.agent)} TEMPLATE template0`, [], signal);
}

async function ensureDatabase(line: SqlLine, { name, owner }: DatabaseSettings, signal: AbortSignal): Promise<void> {
  const { rows } = await line.query(
    'SELECT r.rolname AS owner FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE datname = $1',
    [name],
    signal,
  );
  if (rows.length === 0) await line.query(`CREATE DATABASE ${quoteName(name)} OWNER ${quoteName(owner)}`, [], signal);
  else if (rows[0]?.['owner'] !== owner) await line.query(`ALTER DATABASE ${quoteName(name)} OWNER TO ${quoteName(owner)}`, [], signal);
}

/** Only the hall server's role creates anything here; the canary and the replication role merely enter. */
async function prepareOwnDatabase(line: SqlLine, signal: AbortSignal): Promise<void> {
  await line.query(withoutEventTriggers, [], signal);
  const enter = [builtInRoles.replication, builtInRoles.canary, builtInRoles.hall].map(quoteName).join(', ');
  const statements = [
    `REVOKE ALL ON DATABASE ${quoteName(ownDatabase)} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${quoteName(ownDatabase)} TO ${enter}`,
    `REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
    `CREATE SCHEMA IF NOT EXISTS ledger AUTHORIZATION ${quoteName(builtInRoles.hall)}`,
    ...[...rewindFunctions, ...lineageFunctions].map(
      (name) => `GRANT EXECUTE ON FUNCTION ${name} TO ${quoteName(builtInRoles.replication)}`,
    ),
  ];
  for (const statement of statements) await line.query(statement, [], signal);
}

/** A cancelled wait for the standby would be reported as a success with a warning; see the protocol. */
async function revokeCancel(line: SqlLine, signal: AbortSignal): Promise<void> {
  await line.query(withoutEventTriggers, [], signal);
  await line.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_cancel_backend(integer) FROM PUBLIC', [], signal);
}

/** A name as an SQL identifier. @throws HK_POSTGRES_SETTINGS  for a zero character, which no identifier can hold. */
function quoteName(name: string): string {
  if (name.includes('\0')) throw postgresErrors.HK_POSTGRES_SETTINGS(`${JSON.stringify(name)} is not a name`);
  return `"${name.replaceAll('"', '""')}"`;
}
