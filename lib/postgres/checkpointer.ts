import type { InstancePorts, SqlLine } from './instance.ts';
import { poll } from './context.ts';

const lookEveryMs = 2;

/**
 * Waits in which the checkpointer is surely not between reading the settings and telling sessions whether commits wait at all: it reads
 * files without an announced wait, and takes the lock of what it tells as an `LWLock`.
 */
const restQuery = `SELECT 1 AS rests FROM pg_stat_activity
WHERE backend_type = 'checkpointer' AND wait_event_type IN ('Activity', 'Timeout', 'IO')`;

/**
 * Returns once the checkpointer was seen at rest. What it had read of an older file is in force by then, and whatever it reads later is
 * what stands in the file now: it does one thing after the other.
 *
 * @see https://www.postgresql.org/docs/15/monitoring-stats.html#WAIT-EVENT-TABLE
 */
export async function checkpointerRests(ports: InstancePorts, line: SqlLine, signal: AbortSignal): Promise<void> {
  const look = async (): Promise<true | undefined> => ((await line.query(restQuery, [], signal)).rows.length > 0 ? true : undefined);
  await poll(look, lookEveryMs, ports, signal);
}
