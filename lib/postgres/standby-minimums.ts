import type { InstanceContext } from './context.ts';
import { readControlData } from './data-directory.ts';
import type { ControlData, SqlLine } from './instance.ts';

/** PostgreSQL's own defaults of the limits that a standby must not have lower than its primary. */
const defaults: Readonly<Record<keyof ControlData['limits'], number>> = {
  max_connections: 100,
  max_worker_processes: 8,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};
const names = Object.keys(defaults) as readonly (keyof ControlData['limits'])[];

/**
 * A pair's own parameters, raised to what the log of its primary needs: with less, recovery ends right away. The primary may run on with
 * an older, higher value, and nothing but its own restart would change that.
 */
export function raisedTo(minimums: ControlData['limits'], parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const raised: Record<string, string> = { ...parameters };
  for (const name of names) {
    const key = Object.keys(parameters).find((own) => own.toLowerCase() === name) ?? name;
    const own = parameters[key] ?? String(defaults[name]);
    // Other ways to write a number are left to PostgreSQL; there the primary's counts.
    if (!/^(0|[1-9]\d*)$/.test(own) || Number(own) < minimums[name]) raised[key] = String(minimums[name]);
  }
  return raised;
}

/** Whether replay has paused because the primary was started with higher limits than this standby runs with; a promotion would end it then. */
export async function replayLacks(context: InstanceContext, line: SqlLine, signal: AbortSignal): Promise<boolean> {
  const settings = names.map((name) => `current_setting('${name}') AS ${name}`).join(', ');
  const pause = `CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END AS pause`;
  const row = (await line.query(`SELECT ${pause}, ${settings}`, [], signal)).rows[0];
  if (row?.['pause'] !== 'paused') return false;
  const { limits } = await readControlData(context, signal);
  return names.some((name) => Number(row[name]) < limits[name]);
}
