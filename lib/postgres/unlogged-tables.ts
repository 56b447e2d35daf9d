import type { SqlLine } from './instance.ts';

/** So many databases are looked into, by their names; each is a session of a few milliseconds. */
const databasesMax = 100;

const databasesQuery = `
SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname LIMIT ${databasesMax}`;

const tablesQuery = `SELECT 1 FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r' LIMIT 1`;

/**
 * Databases with unlogged tables, in words such as `unlogged tables of database app`. A commit that changes nothing but such tables waits for
 * nobody, whatever is set (PostgreSQL manual, CREATE TABLE, UNLOGGED: not replicated to standby servers). A database that cannot be entered,
 * because it goes or is full, is left out.
 *
 * @param openLine  A line into this database, closed after the look: nobody could drop a database in which a session stays.
 */
export async function readUnloggedTables(
  line: SqlLine,
  openLine: (database: string) => SqlLine,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { rows } = await line.query(databasesQuery, [], signal);
  const found: string[] = [];
  for (const { name } of rows) {
    if (typeof name !== 'string') continue;
    const inside = openLine(name);
    try {
      const { rows: tables } = await inside.query(tablesQuery, [], signal);
      if (tables.length > 0) found.push(`unlogged tables of database ${name}`);
    } catch {
      signal.throwIfAborted();
    } finally {
      await inside.close();
    }
  }
  return found;
}
