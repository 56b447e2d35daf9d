import type { InstanceContext } from './context.ts';
import { readControlData } from './data-directory.ts';
import { segmentBegin } from './lineage.ts';
import type { Lsn } from './lsn.ts';
import { titlesOfChildren } from './process-table.ts';
import { findPostmaster } from './server-process.ts';

/** `startup recovering` and the segment's name: timeline, and the 16 digits of its place. A cluster name may stand before it. */
const recovering = /^postgres: (?:.*: )?startup +recovering [0-9A-F]{8}([0-9A-F]{16})$/;

/** Digits of the log segment's place that a server's startup process replays, by the titles of the postmaster's children. */
export function replayedSegment(titles: readonly string[]): string | undefined {
  return titles.map((title) => recovering.exec(title)?.[1]).find((digits) => digits !== undefined);
}

/** Where the segment begins that the server replays; undefined when it is down or replays nothing. Asks no session. */
export async function readReplayedFile(context: InstanceContext, signal: AbortSignal): Promise<Lsn | undefined> {
  const postmaster = await findPostmaster(context);
  const digits = postmaster === undefined ? undefined : replayedSegment(await titlesOfChildren(postmaster.pid));
  return digits === undefined ? undefined : segmentBegin(digits, (await readControlData(context, signal)).walSegmentBytes);
}
