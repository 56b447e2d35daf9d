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

/** Opens a line of the agent's own to a database of this instance. */
type OpenLine = (database: string) => SqlLine;

/**
 * Roles, databases and rights of a pair, each made only when it is missing, so that it may run again after any interruption.
 * Rights on functions belong to one database each, so template1 comes first: what is created later inherits from it.
 */
export async function bootstrapServer(openLine: OpenLine, databases: readonly DatabaseSettings[], signal: AbortSignal): Promise<void> {
  await useLine(openLine('template1'), (line) => revokeCancel(line, signal));
  await useLine(openLine('postgres'), async (line) => {
    await ensureRoles(line, databases, signal);
    await ensureDatabase(line, { name: ownDatabase, owner: builtInRoles.agent }, signal);
    for (const database of databases) await ensureDatabase(line, database, signal);
    await revokeCancel(line, signal);
  });
  await useLine(openLine(ownDatabase), (line) => prepareOwnDatabase(line, signal));
  for (const { name } of databases) await useLine(openLine(name), (line) => revokeCancel(line, signal));
}

async function useLine(line: SqlLine, work: (line: SqlLine) => Promise<void>): Promise<void> {
  try {
    await work(line);
  } finally {
    await line.close();
  }
}

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
  await revokeCancel(line, signal);
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
  await line.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_cancel_backend(integer) FROM PUBLIC', [], signal);
}

/** A name as an SQL identifier. @throws HK_POSTGRES_SETTINGS  for a zero character, which no identifier can hold. */
function quoteName(name: string): string {
  if (name.includes('\0')) throw postgresErrors.HK_POSTGRES_SETTINGS(`${JSON.stringify(name)} is not a name`);
  return `"${name.replaceAll('"', '""')}"`;
}
