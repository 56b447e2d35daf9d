import { messageOf } from '#lib/base/errors.ts';
import type { InstanceContext } from './context.ts';
import { poll } from './context.ts';
import { postgresErrors } from './errors.ts';
import type { SqlLine } from './instance.ts';
import { builtInRoles } from './instance.ts';

const lookEveryMs = 2;

/**
 * Sessions that may hold up replay. Ours never do; an idle session of the hall server holds nothing either, and is kept because it was
 * connected ahead for this very moment.
 */
const endClients = `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND usename IS DISTINCT FROM '${builtInRoles.agent}'
  AND NOT (usename IS NOT DISTINCT FROM '${builtInRoles.hall}' AND state = 'idle')`;

export async function endClientSessions(line: SqlLine, signal: AbortSignal): Promise<void> {
  await line.query(endClients, [], signal);
}

/** Ends every session that is not of a role of ours. A commit that waits for the peer is broken off without being acknowledged. */
export async function endApplicationSessions(line: SqlLine, signal: AbortSignal): Promise<void> {
  await line.query(
    `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND usename <> ALL (string_to_array($1, ','))`,
    [Object.values(builtInRoles).join(',')],
    signal,
  );
}

/** Waits at most `limitMs` until no walreceiver is left. Safety does not rest on it, so "not yet" is an answer. */
export async function receiverGone({ ports }: InstanceContext, line: SqlLine, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const endMs = ports.clock.nowMs() + limitMs;
  const look = async (): Promise<boolean | undefined> => {
    const { rows } = await line.query('SELECT count(*) AS receivers FROM pg_stat_wal_receiver WHERE pid IS NOT NULL', [], signal);
    if (rows[0]?.['receivers'] === '0') return true;
    return ports.clock.nowMs() >= endMs ? false : undefined;
  };
  return await poll(look, lookEveryMs, ports, signal);
}

/** Promotes without waiting in the server, and looks every 2 ms until recovery has ended. A primary is promoted already. */
export async function promoteServer({ ports }: InstanceContext, line: SqlLine, signal: AbortSignal): Promise<void> {
  const inRecovery = async (): Promise<boolean> =>
    (await line.query('SELECT pg_is_in_recovery() AS is', [], signal)).rows[0]?.['is'] === 't';
  if (!(await inRecovery())) return;
  try {
    const { rows } = await line.query('SELECT pg_promote(wait => false) AS sent', [], signal);
    if (rows[0]?.['sent'] !== 't') throw postgresErrors.HK_POSTGRES_SQL('the promotion could not be asked for');
  } catch (error) {
    // Recovery may have ended between the look and the request, for an earlier one that was answered late.
    if (signal.aborted || !/recovery is not in progress/.test(messageOf(error))) throw error;
  }
  await poll(async () => ((await inRecovery()) ? undefined : true), lookEveryMs, ports, signal);
}
