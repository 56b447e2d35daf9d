import type { SqlLine } from './instance.ts';

const parameter = 'synchronous_commit';

/** With these a commit waits until the standby has flushed it; the other values call it a success earlier. */
const waiting: readonly string[] = ['on', 'true', 'yes', '1', 'remote_apply'];

const query = `
SELECT r.rolname AS role, d.datname AS database, substr(entry, ${parameter.length + 2}) AS value
FROM pg_db_role_setting AS s LEFT JOIN pg_roles AS r ON r.oid = s.setrole LEFT JOIN pg_database AS d ON d.oid = s.setdatabase,
  unnest(s.setconfig) AS entry
WHERE entry LIKE '${parameter.replace('_', '\\_')}=%' ORDER BY 1, 2`;

/**
 * Whose commits are acknowledged without the standby, because a person lowered `synchronous_commit` for a role or a database, in words
 * such as `role reports in database app`. A session that lowers it for itself is seen by nobody.
 */
export async function readLoweredCommits(line: SqlLine, signal: AbortSignal): Promise<readonly string[]> {
  const { rows } = await line.query(query, [], signal);
  return rows
    .filter(({ value }) => !waiting.includes((value ?? '').toLowerCase()))
    .map(({ role, database }) => {
      const who = typeof role === 'string' ? `role ${role}` : 'every role';
      return typeof database === 'string' ? `${who} in database ${database}` : who;
    });
}
