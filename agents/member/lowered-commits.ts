import { within } from '#lib/base/deadline.ts';
import { readLoweredCommits } from '#lib/postgres/lowered-commits.ts';
import type { PostgresLane } from './postgres-lane.ts';

const everyMs = 60_000;
const lookMaxMs = 30_000;
const firstLookMs = 5_000;

/**
 * Looks on a primary for roles and databases whose commits do not wait for the standby, and calls `found` with them after each look;
 * undefined while this member is no primary. What is new is said in the log.
 */
export async function watchLoweredCommits(
  lane: PostgresLane,
  found: (lowered: readonly string[] | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const { instance, clock, log } = lane;
  const line = instance.openLine('lowered');
  let told = '';
  while (!signal.aborted) {
    let pauseMs = everyMs;
    if (lane.last.process === 'running' && lane.last.role === 'primary') {
      const lowered = await readLoweredCommits(line, within(lookMaxMs, 'looking for lowered commits', signal)).catch(() => undefined);
      if (lowered !== undefined) {
        const words = lowered.join(', ');
        if (words !== told && lowered.length > 0) {
          log.warn({ lowered: words }, 'synchronous_commit is lowered: a failover may lose commits of theirs that were acknowledged');
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
