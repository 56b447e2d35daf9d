import type { InstanceContext } from './context.ts';
import { poll } from './context.ts';
import { postgresErrors } from './errors.ts';
import type { SqlLine } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { parseLsn } from './lsn.ts';

/** Every commit of ours writes one empty message: a transaction that wrote nothing would neither flush nor wait. */
const emitMessage = `pg_logical_emit_message(true, 'hallkeeper_canary', '') AS lsn`;
const localCommit = `SELECT ${emitMessage}`;
/** One statement, so that it can be planned once; the setting ends with its transaction. */
const synchronousCommit = `SELECT set_config('synchronous_commit', 'on', true), ${emitMessage}`;

/** SQLSTATE of the warning with which a cancelled wait for the standby ends, and the commit is reported as success all the same. */
const committedLocallyOnly = '01000';

/** A commit's wait for the standby. A lock inside the server has the same name, and who waits for that one only queues. */
const waitsForPeer = `wait_event_type = 'IPC' AND wait_event = 'SyncRep'`;

const lookEveryMs = 2;

/** Commits with `synchronous_commit = local`, which every line of ours has: returns when this member's disk has it. */
export async function commitLocal(line: SqlLine, signal: AbortSignal): Promise<Lsn> {
  return positionOf(await line.repeat('local_commit', localCommit, signal));
}

/** Commits as clients do: returns when the peer has it too, or nobody is waited for. @throws HK_POSTGRES_NOT_SYNCHRONOUS */
export async function commitSynchronous(line: SqlLine, signal: AbortSignal): Promise<Lsn> {
  const result = await line.repeat('synchronous_commit', synchronousCommit, signal);
  if (result.notices.includes(committedLocallyOnly)) throw postgresErrors.HK_POSTGRES_NOT_SYNCHRONOUS();
  return positionOf(result);
}

/**
 * Sees a commit wait. `watching` looks at the session of `waiting` until it is in `wait_event = IPC/SyncRep` (true), or its commit
 * returned (false). The waiting session is ended then, which leaves its empty message committed and nothing behind.
 */
export async function provesClosed({ ports }: InstanceContext, waiting: SqlLine, watching: SqlLine, signal: AbortSignal): Promise<boolean> {
  await waiting.query('SELECT 1', [], signal);
  const pid = waiting.backendPid();
  if (pid === undefined) throw postgresErrors.HK_POSTGRES_UNREACHABLE('the canary lost its connection');
  let committed = false;
  const commit = commitSynchronous(waiting, signal).then(
    () => (committed = true),
    () => undefined,
  );
  try {
    return await poll(
      async () => {
        if (committed) return false;
        const { rows } = await watching.query(`SELECT ${waitsForPeer} AS waits FROM pg_stat_activity WHERE pid = $1`, [pid], signal);
        return rows[0]?.['waits'] === 't' ? true : undefined;
      },
      lookEveryMs,
      ports,
      signal,
    );
  } finally {
    if (!committed) await watching.query('SELECT pg_terminate_backend($1)', [pid], signal).catch(() => undefined);
    await commit;
  }
}

/**
 * Ends sessions of ours that still wait for the peer though their line gave up: a backend in SyncRep does not notice that its client left.
 *
 * @param applicationName  Of the line that gave up.
 */
export async function endStuckCanaries(line: SqlLine, applicationName: string, signal: AbortSignal): Promise<void> {
  await line.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND ${waitsForPeer} AND pid <> pg_backend_pid()`,
    [applicationName],
    signal,
  );
}

function positionOf({ rows }: { readonly rows: readonly Readonly<Record<string, string | null>>[] }): Lsn {
  const text = rows[0]?.['lsn'];
  if (typeof text !== 'string') throw postgresErrors.HK_POSTGRES_SQL('the canary got no position');
  return parseLsn(text);
}
