import { within } from '#lib/base/deadline.ts';
import { readLoweredCommits } from '#lib/postgres/lowered-commits.ts';
import { readUnloggedTables } from '#lib/postgres/unlogged-tables.ts';
import type { PostgresLane } from './postgres-lane.ts';

const everyMs = 60_000;
const lookMaxMs = 30_000;
const firstLookMs = 5_000;
/** So many are told; one is reason enough to look. */
const toldMax = 20;

/**
 * Looks on a primary for roles, databases and tables whose commits do not wait for the standby, and calls `found` with at most 20 of them
 * after each look; undefined while this member is no primary. What is new is said in the log.
 */
export async function watchLoweredCommits(
  lane: PostgresLane,
  found: (lowered: readonly string[] | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const { instance, clock, log } = lane;
  const line = instance.openLine('lowered');
  const look = async (until: AbortSignal): Promise<readonly string[]> => {
    const lowered = await readLoweredCommits(line, until);
    const unlogged = await readUnloggedTables(line, (database) => instance.openLine('unlogged', database), until);
    return [...lowered, ...unlogged].slice(0, toldMax);
  };
  let told = '';
  while (!signal.aborted) {
    let pauseMs = everyMs;
    if (lane.last.process === 'running' && lane.last.role === 'primary') {
      const lowered = await look(within(lookMaxMs, 'looking for commits that do not wait', signal)).catch(() => undefined);
      if (lowered !== undefined) {
        const words = lowered.join(', ');
        if (words !== told && lowered.length > 0) {
          log.warn({ lowered: words }, 'commits that do not wait for the standby: a failover may lose them though they were acknowledged');
        }
        told = words;
        found(lowered);
      }
    } else {
      told = '';
      found(undefined);
      pauseMs = firstLookMs;
    }
    await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}
