import { postgresErrors } from './errors.ts';
import type { TimelineSwitch } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { parseLsn } from './lsn.ts';

const linesMax = 10_000;

/**
 * Reads a file `0000000N.history`: per line an ancestor, the position where it ended, and a reason for people.
 *
 * @throws HK_POSTGRES_HISTORY  when a line is not of that form, or timelines or positions do not grow.
 */
export function parseHistory(text: string): readonly TimelineSwitch[] {
  const switches = parseSwitches(text);
  switches.forEach((entry, index) => {
    const before = switches[index - 1];
    if (before !== undefined && (entry.timeline <= before.timeline || entry.endLsn < before.endLsn))
      throw postgresErrors.HK_POSTGRES_HISTORY(`timeline ${entry.timeline} does not follow ${before.timeline}`);
  });
  return switches;
}

/**
 * As `parseHistory`, whatever the order. A promotion whose log could not be read as far as the timeline that it was on says that it left
 * that one before it began.
 *
 * @throws HK_POSTGRES_HISTORY
 */
export function parseSwitches(text: string): readonly TimelineSwitch[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
  if (lines.length > linesMax) throw postgresErrors.HK_POSTGRES_HISTORY(`more than ${linesMax} lines`);
  return lines.map((line) => {
    const match = /^\s*(\d{1,10})\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(\s|$)/.exec(line);
    if (match === null) throw postgresErrors.HK_POSTGRES_HISTORY(JSON.stringify(line.slice(0, 100)));
    return { timeline: Number(match[1]), endLsn: parseLsn(match[2] ?? '') };
  });
}

/** Name of a timeline's history file; timeline 1 has none. */
export function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/** The timeline of a history file's name, or undefined for any other name. */
export function timelineOfHistory(name: string): number | undefined {
  const match = /^([0-9A-F]{8})\.history$/.exec(name);
  return match === null ? undefined : Number.parseInt(match[1] ?? '', 16);
}

/** Name of the log segment that holds a position, and the offset of the position in it. */
export function segmentAt(timeline: number, lsn: Lsn, segmentBytes: number): { readonly name: string; readonly offset: number } {
  const size = BigInt(segmentBytes);
  const perLog = 0x1_0000_0000n / size;
  const number = lsn / size;
  const part = (value: bigint | number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return { name: `${part(timeline)}${part(number / perLog)}${part(number % perLog)}`, offset: Number(lsn % size) };
}

/** A piece of a log segment. */
export interface SegmentPiece {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** PostgreSQL's default; a server built with another size gives a digest of fewer telling bytes, still the same on both members. */
const pageBytes = 8_192;
const pageHeaderBytes = 24;
const segmentHeaderBytes = 40;
/** The last four of them are the checksum of the whole record. */
const recordHeaderBytes = 24;

/**
 * Where the first record of a timeline has its header. A promotion's first record carries the time of the promotion, so its checksum tells
 * two promotions apart that began at one position. A page's header may stand before or within it.
 *
 * @returns  Undefined when the log does not reach that far, or the header crosses into another segment.
 */
export function firstRecord(timeline: number, begun: Lsn, endLsn: Lsn, segmentBytes: number): SegmentPiece | undefined {
  const piece = segmentAt(timeline, begun, segmentBytes);
  const inPage = piece.offset % pageBytes;
  const before = piece.offset === 0 ? segmentHeaderBytes : inPage === 0 || pageBytes - inPage < recordHeaderBytes ? pageHeaderBytes : 0;
  const length = before + recordHeaderBytes;
  return piece.offset + length > segmentBytes || endLsn < begun + BigInt(length) ? undefined : { ...piece, length };
}

/** The last bytes of a log before a position: as many as a page has, fewer where the segment begins. */
export function lastBytes(timeline: number, lsn: Lsn, segmentBytes: number): SegmentPiece {
  const { name, offset } = segmentAt(timeline, lsn - 1n, segmentBytes);
  const length = Math.min(offset + 1, pageBytes);
  return { name, offset: offset + 1 - length, length };
}

/**
 * Where the segment begins in which a record goes on that begins here.
 *
 * @param recordBytes  Its length as its own header says; anything where there is no record.
 * @returns            Undefined when it would end in the segment in which it begins.
 */
export function restOfRecord(begun: Lsn, recordBytes: number, segmentBytes: number): Lsn | undefined {
  const offset = Number(begun % BigInt(segmentBytes));
  const left = segmentBytes - offset;
  const pagesAhead = Math.floor((left - 1) / pageBytes);
  return recordBytes + pagesAhead * pageHeaderBytes > left ? begun + BigInt(left) : undefined;
}
