import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceContext } from './context.ts';
import { readControlData } from './data-directory.ts';
import { readIfPresent } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import type { Lineage, SqlLine } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { formatLsn, laterLsn, parseLsn } from './lsn.ts';
import { endOfProgram } from './program.ts';
import { refuseRunning } from './server-process.ts';
import { historyName, parseHistory, segmentAt, timelineOfHistory } from './timeline-history.ts';

/**
 * How many bytes after a switch are compared. A promotion's first record carries its time and a checksum; with a page's long header
 * before it, it ends within these.
 */
const startBytes = 80;

/** The lineage of a stopped cluster: pg_control, the history files, and the log itself for where it really ends. */
export async function readStoppedLineage(context: InstanceContext, signal: AbortSignal): Promise<Lineage> {
  const { paths } = context;
  await refuseRunning(context);
  const control = await readControlData(context, signal);
  const log = join(paths.data, 'pg_wal');
  const timeline = Math.max(control.timeline, control.minRecoveryTimeline);
  const switches = timeline === 1 ? [] : parseHistory(await readHistoryFile(log, timeline));
  const newer = (await readdir(log)).flatMap((name) => timelineOfHistory(name) ?? []).filter((candidate) => candidate > timeline);
  const strayHistories = await Promise.all(
    newer.map(async (stray) => ({ timeline: stray, switches: parseHistory(await readHistoryFile(log, stray)) })),
  );
  const endLsn = laterLsn(await endOfLog(context, timeline, control.redoLsn, signal), control.minRecoveryLsn);
  const begun = switches.at(-1)?.endLsn;
  const bytes =
    begun === undefined || endLsn < begun + BigInt(startBytes)
      ? undefined
      : await readSegment(log, timeline, begun, control.walSegmentBytes);
  return { systemIdentifier: control.systemIdentifier, switches, timeline, endLsn, start: digestOf(bytes), strayHistories };
}

/** The lineage of a running server that is not in recovery, by SQL. @throws HK_POSTGRES_HISTORY  when it is in recovery. */
export async function readRunningLineage(line: SqlLine, signal: AbortSignal): Promise<Lineage> {
  const { rows } = await line.query(runningQuery, [], signal);
  const row = rows[0];
  const [timelineText, end, identifier] = [row?.['timeline'], row?.['flush_lsn'], row?.['system_identifier']];
  if (typeof timelineText !== 'string' || typeof end !== 'string' || typeof identifier !== 'string')
    throw postgresErrors.HK_POSTGRES_HISTORY('the server is in recovery: its past may still change');
  const timeline = Number(timelineText);
  const switches = timeline === 1 ? [] : parseHistory(await readServerHistory(line, timeline, signal));
  const endLsn = parseLsn(end);
  const begun = switches.at(-1)?.endLsn;
  const known = begun !== undefined && endLsn >= begun + BigInt(startBytes);
  const start = known ? await readServerSegment(line, timeline, begun, Number(row?.['segment_bytes']), signal) : undefined;
  return { systemIdentifier: identifier, switches, timeline, endLsn, start: digestOf(start), strayHistories: [] };
}

const runningQuery = `
SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline, pg_current_wal_flush_lsn() AS flush_lsn,
  (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
  (SELECT bytes_per_wal_segment FROM pg_control_init()) AS segment_bytes
WHERE NOT pg_is_in_recovery()`;

/** The three-argument form that pg_rewind uses, so that its rights suffice. */
const readFileQuery = `SELECT encode(pg_read_binary_file('pg_wal/' || $1, $2::bigint, $3::bigint, true), 'hex') AS bytes`;
const historyBytesMax = 1024 * 1024;

async function readServerHistory(line: SqlLine, timeline: number, signal: AbortSignal): Promise<string> {
  const { rows } = await line.query(readFileQuery, [historyName(timeline), 0, historyBytesMax], signal);
  const bytes = rows[0]?.['bytes'];
  if (typeof bytes !== 'string') throw postgresErrors.HK_POSTGRES_HISTORY(`the server has no ${historyName(timeline)}`);
  return Buffer.from(bytes, 'hex').toString('utf8');
}

async function readServerSegment(
  line: SqlLine,
  timeline: number,
  lsn: Lsn,
  segmentBytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const { name, offset } = segmentAt(timeline, lsn, segmentBytes);
  const { rows } = await line.query(readFileQuery, [name, offset, startBytes], signal);
  const bytes = rows[0]?.['bytes'];
  return typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : undefined;
}

async function readHistoryFile(log: string, timeline: number): Promise<string> {
  const text = await readIfPresent(join(log, historyName(timeline)));
  if (text === undefined) throw postgresErrors.HK_POSTGRES_HISTORY(`${historyName(timeline)} is missing`);
  return text;
}

async function readSegment(log: string, timeline: number, lsn: Lsn, segmentBytes: number): Promise<Buffer | undefined> {
  const { name, offset } = segmentAt(timeline, lsn, segmentBytes);
  const file = await open(join(log, name), 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(startBytes), 0, startBytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Undefined unless all bytes were there: a short reading would differ for no reason. A record that crosses a segment's end counts as unknown. */
function digestOf(bytes: Buffer | undefined): string | undefined {
  return bytes?.length === startBytes ? createHash('sha256').update(bytes).digest('hex') : undefined;
}

/**
 * Where the log of a stopped cluster ends: pg_control knows only the last checkpoint, so the records after it are walked. Reading stops
 * at the first that is not whole, as recovery would.
 */
async function endOfLog({ settings, paths }: InstanceContext, timeline: number, redoLsn: Lsn, signal: AbortSignal): Promise<Lsn> {
  const args = ['--stats', '-p', join(paths.data, 'pg_wal'), '-t', String(timeline), '-s', formatLsn(redoLsn)];
  const call = { file: join(settings.binaryDirectory, 'pg_waldump'), args, directory: paths.data, account: settings.account };
  const { stdout } = await endOfProgram(call, signal);
  return parseLogEnd(stdout) ?? redoLsn;
}

/** Reads the range in pg_waldump's statistics: `WAL statistics between 0/1500028 and 0/15000D8:`. */
export function parseLogEnd(output: string): Lsn | undefined {
  const match = /WAL statistics between \S+ and ([0-9A-F]+\/[0-9A-F]+)/.exec(output);
  return match === null ? undefined : parseLsn(match[1] ?? '');
}
