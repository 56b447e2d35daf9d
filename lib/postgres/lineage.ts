import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceContext } from './context.ts';
import { readControlData } from './data-directory.ts';
import { readIfPresent } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import type { Lineage, SqlLine, TimelineSwitch } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { formatLsn, laterLsn, parseLsn } from './lsn.ts';
import { endOfProgram } from './program.ts';
import { refuseRunning } from './server-process.ts';
import type { SegmentPiece } from './timeline-history.ts';
import {
  firstRecord,
  historyName,
  lastBytes,
  parseHistory,
  parseSwitches,
  restOfRecord,
  segmentAt,
  timelineOfHistory,
} from './timeline-history.ts';

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
  const begun = switches.at(-1)?.endLsn;
  // The last checkpoint may lie before the switch, in files of the timeline before.
  const fromLsn = laterLsn(control.redoLsn, begun ?? 0n);
  const walked = await endOfLog(context, { timeline, fromLsn, segmentBytes: control.walSegmentBytes }, signal);
  const endLsn = laterLsn(walked, control.minRecoveryLsn);
  const piece = begun === undefined ? undefined : firstRecord(timeline, begun, endLsn, control.walSegmentBytes);
  const start = piece === undefined ? undefined : digestOf(await readPiece(log, piece), piece);
  const lengthBytes = await readPiece(log, { ...segmentAt(timeline, endLsn, control.walSegmentBytes), length: 4 });
  const restFromLsn = lengthBytes?.length === 4 ? restOfRecord(endLsn, lengthBytes.readUInt32LE(0), control.walSegmentBytes) : undefined;
  const rest = restFromLsn === undefined ? {} : { restFromLsn };
  return { systemIdentifier: control.systemIdentifier, switches, timeline, endLsn, readToLsn: walked, start, ...rest, strayHistories };
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
  const piece = begun === undefined ? undefined : firstRecord(timeline, begun, endLsn, Number(row?.['segment_bytes']));
  const start = piece === undefined ? undefined : digestOf(await readServerPiece(line, piece, signal), piece);
  const oldest = row?.['oldest_segment'];
  const kept = typeof oldest === 'string' ? { keptFromLsn: segmentBegin(oldest, Number(row?.['segment_bytes'])) } : {};
  return { systemIdentifier: identifier, switches, timeline, endLsn, start, ...kept, strayHistories: [] };
}

/** The timelines that a running primary left before this one; none when the history file is gone. */
export async function readRunningHistory(line: SqlLine, timeline: number, signal: AbortSignal): Promise<readonly TimelineSwitch[]> {
  const text = timeline === 1 ? undefined : await readServerFile(line, historyName(timeline), signal);
  return text === undefined ? [] : parseSwitches(text);
}

/** Compares the last bytes before a place, a page of them at the most. */
export async function sharesLog(
  context: InstanceContext,
  line: SqlLine,
  { timeline, lsn }: { readonly timeline: number; readonly lsn: Lsn },
  signal: AbortSignal,
): Promise<boolean> {
  const { walSegmentBytes } = await readControlData(context, signal);
  const piece = lastBytes(timeline, lsn, walSegmentBytes);
  const own = digestOf(await readPiece(join(context.paths.data, 'pg_wal'), piece), piece);
  const theirs = digestOf(await readServerPiece(line, piece, signal), piece);
  return own === undefined || theirs === undefined || own === theirs;
}

/** Where a segment begins, from the last 16 hexadecimal digits of its name: the upper half of the position, and the number below it. */
export function segmentBegin(digits: string, segmentBytes: number): Lsn {
  return (BigInt(`0x${digits.slice(0, 8)}`) << 32n) + BigInt(`0x${digits.slice(8)}`) * BigInt(segmentBytes);
}

const runningQuery = `
SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline, pg_current_wal_flush_lsn() AS flush_lsn,
  (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
  (SELECT bytes_per_wal_segment FROM pg_control_init()) AS segment_bytes,
  (SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') AS oldest_segment
WHERE NOT pg_is_in_recovery()`;

/** The three-argument form that pg_rewind uses, so that its rights suffice. */
const readFileQuery = `SELECT encode(pg_read_binary_file('pg_wal/' || $1, $2::bigint, $3::bigint, true), 'hex') AS bytes`;
const historyBytesMax = 1024 * 1024;

async function readServerHistory(line: SqlLine, timeline: number, signal: AbortSignal): Promise<string> {
  const text = await readServerFile(line, historyName(timeline), signal);
  if (text === undefined) throw postgresErrors.HK_POSTGRES_HISTORY(`the server has no ${historyName(timeline)}`);
  return text;
}

async function readServerFile(line: SqlLine, name: string, signal: AbortSignal): Promise<string | undefined> {
  return (await readServerPiece(line, { name, offset: 0, length: historyBytesMax }, signal))?.toString('utf8');
}

async function readServerPiece(line: SqlLine, { name, offset, length }: SegmentPiece, signal: AbortSignal): Promise<Buffer | undefined> {
  const { rows } = await line.query(readFileQuery, [name, offset, length], signal);
  const bytes = rows[0]?.['bytes'];
  return typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : undefined;
}

async function readHistoryFile(log: string, timeline: number): Promise<string> {
  const text = await readIfPresent(join(log, historyName(timeline)));
  if (text === undefined) throw postgresErrors.HK_POSTGRES_HISTORY(`${historyName(timeline)} is missing`);
  return text;
}

async function readPiece(log: string, { name, offset, length }: SegmentPiece): Promise<Buffer | undefined> {
  const file = await open(join(log, name), 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Undefined unless all bytes were there: a short reading would differ for no reason. */
function digestOf(bytes: Buffer | undefined, { length }: SegmentPiece): string | undefined {
  return bytes?.length === length ? createHash('sha256').update(bytes).digest('hex') : undefined;
}

/**
 * Where the log of a stopped cluster ends: pg_control knows only the last checkpoint, so the records after it are walked. Reading stops
 * at the first that is not whole, as recovery would.
 *
 * The files are named to pg_waldump. Without a name it learns the size of a segment from whichever file the directory lists first, and
 * gives up when that is one that PostgreSQL has laid out ahead and not written yet.
 *
 * @throws HK_POSTGRES_HISTORY  when no end was found: one that is believed to lie before the true one would let a member stream from a
 *                              primary that had left its timeline before that end.
 */
async function endOfLog({ settings, paths }: InstanceContext, log: LogPlace, signal: AbortSignal): Promise<Lsn> {
  const folder = join(paths.data, 'pg_wal');
  const files = logFilesFrom(await readdir(folder), log);
  // A timeline that was begun and never written has no file.
  if (files === undefined) return log.fromLsn;
  const args = ['--stats', '-p', folder, '-s', formatLsn(log.fromLsn), files.first, files.last];
  const call = { file: join(settings.binaryDirectory, 'pg_waldump'), args, directory: paths.data, account: settings.account };
  const { stdout, stderr, exitCode } = await endOfProgram(call, signal);
  const end = parseLogEnd(stdout);
  if (end !== undefined) return end;
  // It ends with an error at the end of every log, so only its words tell that nothing was written after the position.
  if (stderr.includes('could not find a valid record after')) return log.fromLsn;
  const said = stderr.trim().split('\n').slice(-3).join('; ');
  throw postgresErrors.HK_POSTGRES_HISTORY(`pg_waldump found no end of the log and ended with ${exitCode ?? 'a signal'}: ${said}`);
}

interface LogPlace {
  readonly timeline: number;
  readonly fromLsn: Lsn;
  readonly segmentBytes: number;
}

/**
 * The first and the last file of a timeline's log from a position on, without a gap between them; undefined when the file of the
 * position is not there.
 */
export function logFilesFrom(
  names: readonly string[],
  { timeline, fromLsn, segmentBytes }: LogPlace,
): { readonly first: string; readonly last: string } | undefined {
  const there = new Set(names);
  const nameAt = (index: number): string => segmentAt(timeline, fromLsn + BigInt(index) * BigInt(segmentBytes), segmentBytes).name;
  const first = nameAt(0);
  if (!there.has(first)) return undefined;
  let last = first;
  for (let index = 1; there.has(nameAt(index)); index += 1) last = nameAt(index);
  return { first, last };
}

/** Reads the range in pg_waldump's statistics: `WAL statistics between 0/1500028 and 0/15000D8:`. */
export function parseLogEnd(output: string): Lsn | undefined {
  const match = /WAL statistics between \S+ and ([0-9A-F]+\/[0-9A-F]+)/.exec(output);
  return match === null ? undefined : parseLsn(match[1] ?? '');
}
