import { rm } from 'node:fs/promises';
import { withDeadline } from '#lib/base/deadline.ts';
import type { InstanceContext } from './context.ts';
import { poll } from './context.ts';
import { writeAtomically } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import type { SqlLine } from './instance.ts';
import { builtInRoles } from './instance.ts';
import { titlesOfChildren } from './process-table.ts';
import { findPostmaster, sendSignal } from './server-process.ts';

const lookEveryMs = 2;
/** A look at the process table reads the state of every process of this machine. */
const processesEveryMs = 10;
/**
 * What a session may take to answer beside the wait for the receiver. Behind a lock of the dead primary it would take for ever; on a busy
 * machine that takes longer nothing is lost either: readers who were not ended hold up replay for max_standby_streaming_delay.
 */
const answerMaxMs = 300;

/**
 * Sessions that may hold up replay. Ours never do; an idle session of the hall server holds nothing either, and is kept because it was
 * connected ahead for this very moment.
 */
const endClients = `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND usename IS DISTINCT FROM '${builtInRoles.agent}'
  AND NOT (usename IS NOT DISTINCT FROM '${builtInRoles.hall}' AND state = 'idle')`;

async function endClientSessions(line: SqlLine, signal: AbortSignal): Promise<void> {
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

/** Waits at most `limitMs` until no walreceiver is left, as a session sees it. Safety does not rest on it, so "not yet" is an answer. */
async function receiverGone({ ports }: InstanceContext, line: SqlLine, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const endMs = ports.clock.nowMs() + limitMs;
  const look = async (): Promise<boolean | undefined> => {
    const { rows } = await line.query('SELECT count(*) AS receivers FROM pg_stat_wal_receiver WHERE pid IS NOT NULL', [], signal);
    if (rows[0]?.['receivers'] === '0') return true;
    return ports.clock.nowMs() >= endMs ? false : undefined;
  };
  return await poll(look, lookEveryMs, ports, signal);
}

/**
 * Ends client sessions and waits until the receiver is gone. The caller has taken away whom to stream from.
 *
 * Replay holds every AccessExclusiveLock of the primary's open transactions, and a dead primary never ends them: behind one on a catalog
 * a statement waits until the promotion. What no session answers in time is read from the process table; the receiver is a child of the
 * postmaster, and its startup process, which has no one to stream from any more, starts no other.
 */
export async function endStream(context: InstanceContext, line: SqlLine, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const { clock, log } = context.ports;
  let unanswered = false;
  const late = (): Error => {
    unanswered = true;
    return postgresErrors.HK_POSTGRES_UNREACHABLE(`no session answered within ${limitMs + answerMaxMs} ms`);
  };
  try {
    return await withDeadline({ ms: limitMs + answerMaxMs, clock, late }, signal, async (inTime) => {
      await endClientSessions(line, inTime);
      return await receiverGone(context, line, limitMs, inTime);
    });
  } catch (error) {
    if (signal.aborted || !unanswered) throw error;
    log.warn({}, 'PostgreSQL answers no statement: the process table is asked whether it still receives');
    return await receiverEnded(context, limitMs, signal);
  }
}

/** As `receiverGone`, without a session. */
async function receiverEnded(context: InstanceContext, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const { clock } = context.ports;
  const endMs = clock.nowMs() + limitMs;
  const look = async (): Promise<boolean | undefined> => {
    const postmaster = await findPostmaster(context);
    if (postmaster === undefined) throw postgresErrors.HK_POSTGRES_NOT_RUNNING(context.paths.data);
    if (!(await titlesOfChildren(postmaster.pid)).some(mayReceive)) return true;
    return clock.nowMs() >= endMs ? false : undefined;
  };
  return await poll(look, processesEveryMs, context.ports, signal);
}

/** Whether a child of the postmaster with this title is, or may become, a walreceiver: one that was just forked has no title of its own yet. */
export function mayReceive(title: string): boolean {
  return !title.startsWith('postgres: ') || /^postgres: (?:.*: )?walreceiver\b/.test(title);
}

/**
 * Promotes as pg_ctl does, by a file and a signal: no session can be had while replay holds a lock on a catalog. A session is asked only
 * whether recovery has ended, every 2 ms; behind such a lock it answers when the promotion has let the lock go. A primary is promoted
 * already, and a postmaster that is not in recovery takes no notice of the file.
 */
export async function promoteServer(context: InstanceContext, line: SqlLine, signal: AbortSignal): Promise<void> {
  const { paths, settings, ports } = context;
  const postmaster = await findPostmaster(context);
  if (postmaster === undefined) throw postgresErrors.HK_POSTGRES_NOT_RUNNING(paths.data);
  await writeAtomically(paths.promoteSignal, '', { mode: 0o600, owner: settings.account });
  try {
    if (!sendSignal(postmaster.pid, 'SIGUSR1')) throw postgresErrors.HK_POSTGRES_NOT_RUNNING(paths.data);
    const inRecovery = async (): Promise<boolean> =>
      (await line.query('SELECT pg_is_in_recovery() AS is', [], signal)).rows[0]?.['is'] === 't';
    await poll(async () => ((await inRecovery()) ? undefined : true), lookEveryMs, ports, signal);
  } finally {
    // Nobody took it when the server was a primary already.
    await rm(paths.promoteSignal, { force: true });
  }
}
