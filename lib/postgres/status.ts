import { postgresErrors } from './errors.ts';
import type { ReceiverStatus, SlotStatus, SqlLine, StatusSnapshot, StreamingPeer } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { parseLsn } from './lsn.ts';

/**
 * Everything the agent watches, in one query, so that its parts belong together. Recovery may end between two expressions, but never
 * begin, so functions that work only on a primary are asked only after `pg_is_in_recovery()` said no. On a standby the timeline
 * is the receiver's, else that of the minimum recovery point, else the last restartpoint's. What it received is told since its start only,
 * and a receiver begins anew at the segment's start, so what was replayed, which is on disk before it is, counts as received as well.
 */
const statusQuery = `
SELECT inRecovery AS in_recovery,
  (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
  CASE WHEN NOT inRecovery THEN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
       ELSE coalesce((SELECT received_tli FROM pg_stat_wal_receiver), nullif(recovery.min_recovery_end_timeline, 0), ckpt.timeline_id) END AS timeline,
  CASE WHEN NOT inRecovery THEN pg_current_wal_lsn() ELSE greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END AS write_lsn,
  CASE WHEN NOT inRecovery THEN pg_current_wal_flush_lsn() ELSE greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END AS flush_lsn,
  CASE WHEN inRecovery THEN pg_last_wal_replay_lsn() END AS replay_lsn,
  ckpt.timeline_id AS checkpoint_timeline, ckpt.redo_lsn,
  (SELECT json_build_object('status', status, 'timeline', received_tli, 'flushed', flushed_lsn, 'sender', sender_host,
     'ageMs', extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000) FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) AS receiver,
  (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'active', active, 'restart', restart_lsn, 'wal', wal_status)), '[]')
     FROM pg_replication_slots WHERE slot_type = 'physical') AS slots,
  (SELECT coalesce(json_agg(json_build_object('name', application_name, 'address', client_addr, 'state', state, 'sync', sync_state,
     'sent', sent_lsn, 'flush', flush_lsn, 'replay', replay_lsn,
     'ageMs', extract(epoch FROM clock_timestamp() - reply_time) * 1000)), '[]') FROM pg_stat_replication) AS peers,
  current_setting('synchronous_standby_names') AS names,
  current_setting('primary_conninfo') <> '' AS conninfo_set,
  extract(epoch FROM pg_postmaster_start_time()) * 1000 AS started_ms
FROM (SELECT pg_is_in_recovery() AS inRecovery OFFSET 0) AS recovering, pg_control_checkpoint() AS ckpt, pg_control_recovery() AS recovery`;

export async function readStatus(line: SqlLine, signal: AbortSignal): Promise<StatusSnapshot> {
  const { rows } = await line.repeat('status', statusQuery, signal);
  const row = rows[0];
  if (row === undefined) throw postgresErrors.HK_POSTGRES_SQL('the status query gave no row');
  return parseStatus(row);
}

/** @throws HK_POSTGRES_SQL  when a column is missing or not of its kind. */
export function parseStatus(row: Readonly<Record<string, string | null>>): StatusSnapshot {
  const text = (name: string): string => {
    const value = row[name];
    if (typeof value !== 'string') throw postgresErrors.HK_POSTGRES_SQL(`the status has no ${name}`);
    return value;
  };
  const json = (name: string): unknown => (typeof row[name] === 'string' ? JSON.parse(row[name]) : undefined);
  const receiver = json('receiver') as RawReceiver | undefined;
  return {
    inRecovery: text('in_recovery') === 't',
    systemIdentifier: text('system_identifier'),
    timeline: Number(text('timeline')),
    writeLsn: optionalLsn(row['write_lsn']),
    flushLsn: optionalLsn(row['flush_lsn']),
    replayLsn: optionalLsn(row['replay_lsn']),
    checkpointTimeline: Number(text('checkpoint_timeline')),
    redoLsn: parseLsn(text('redo_lsn')),
    receiver: receiver === undefined ? undefined : receiverOf(receiver),
    slots: ((json('slots') ?? []) as readonly RawSlot[]).map(slotOf),
    peers: ((json('peers') ?? []) as readonly RawPeer[]).map(peerOf),
    synchronousStandbyNames: text('names'),
    primaryConninfoSet: text('conninfo_set') === 't',
    postmasterStartedMs: Number(text('started_ms')),
  };
}

interface RawReceiver {
  readonly status: string | null;
  readonly timeline: number | null;
  readonly flushed: string | null;
  readonly sender: string | null;
  readonly ageMs: number | null;
}

interface RawSlot {
  readonly name: string;
  readonly active: boolean;
  readonly restart: string | null;
  readonly wal: string | null;
}

interface RawPeer {
  readonly name: string;
  readonly address: string | null;
  readonly state: string | null;
  readonly sync: string | null;
  readonly sent: string | null;
  readonly flush: string | null;
  readonly replay: string | null;
  readonly ageMs: number | null;
}

function receiverOf({ status, timeline, flushed, sender, ageMs }: RawReceiver): ReceiverStatus {
  return {
    status: status ?? 'unknown',
    timeline: timeline ?? undefined,
    flushedLsn: optionalLsn(flushed),
    lastMessageAgeMs: ageMs ?? undefined,
    senderAddress: sender ?? undefined,
  };
}

function slotOf({ name, active, restart, wal }: RawSlot): SlotStatus {
  return { name, active, restartLsn: optionalLsn(restart), walStatus: wal ?? undefined };
}

function peerOf({ name, address, state, sync, sent, flush, replay, ageMs }: RawPeer): StreamingPeer {
  return {
    applicationName: name,
    address: address ?? undefined,
    state: state ?? 'unknown',
    syncState: sync ?? 'unknown',
    sentLsn: optionalLsn(sent),
    flushLsn: optionalLsn(flush),
    replayLsn: optionalLsn(replay),
    replyAgeMs: ageMs ?? undefined,
  };
}

function optionalLsn(text: string | null | undefined): Lsn | undefined {
  return text === null || text === undefined ? undefined : parseLsn(text);
}
