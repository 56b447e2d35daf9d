import type { SqlLine } from './instance.ts';

/**
 * Makes sure of the physical slot that keeps the log for the peer, on a primary and on a standby alike. One whose log is lost keeps
 * nothing any more and is made anew; the peer then needs a copy.
 */
export async function ensureSlot(line: SqlLine, name: string, signal: AbortSignal): Promise<void> {
  const { rows } = await line.query('SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1', [name], signal);
  const status = rows[0]?.['wal_status'];
  if (rows.length > 0 && status !== 'lost') return;
  if (rows.length > 0) await line.query('SELECT pg_drop_replication_slot($1)', [name], signal);
  await line.query('SELECT pg_create_physical_replication_slot($1, immediately_reserve => true)', [name], signal);
}

/**
 * On a standby nobody uses the slot, so it would hold the log for ever. It follows the redo position of the last restartpoint: the
 * checkpoint that we and the primary have in common is that one or a later one, so what pg_rewind will ask for stays.
 */
export async function advanceSlot(line: SqlLine, name: string, signal: AbortSignal): Promise<void> {
  await line.query(
    `SELECT pg_replication_slot_advance(slot_name, redo_lsn) FROM pg_replication_slots, pg_control_checkpoint()
     WHERE slot_name = $1 AND NOT active AND pg_is_in_recovery() AND wal_status <> 'lost' AND redo_lsn > restart_lsn
       AND redo_lsn <= pg_last_wal_replay_lsn()`,
    [name],
    signal,
  );
}
