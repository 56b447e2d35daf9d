import { expect, test } from 'vitest';
import type { TimelineSwitch } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { joinSecond, realPair, soon, startFirst, untilStatus } from './testing/real-pair.ts';
import type { RealPair } from './testing/real-pair.ts';
import { spoilRecord } from './testing/spoil-log.ts';

/** The standby takes over with what it received and had not replayed yet, whole or damaged. Answers where its log left the old timeline. */
async function takeOverUnreplayed(
  pair: RealPair,
  damage: boolean,
): Promise<{ readonly committed: Lsn; readonly left: readonly TimelineSwitch[] }> {
  const { a, b } = pair;
  await startFirst(pair);
  await joinSecond(pair);
  await a.setGate('peer', soon());
  const client = a.openLine('client');
  const line = b.openLine('control');
  await a.commitSynchronous(client, soon());
  await line.query('SELECT pg_wal_replay_pause()', [], soon());
  const { rows } = await line.query(`SELECT pg_get_wal_replay_pause_state() AS is`, [], soon());
  expect(['paused', 'pause requested']).toContain(rows[0]?.['is']);
  // The first of them is what a requested pause comes into force with.
  for (let commit = 0; commit < 3; commit += 1) await a.commitSynchronous(client, soon());
  const committed = await a.commitSynchronous(client, soon());
  const { replayLsn = 0n } = await untilStatus(b, line, (status) => (status.flushLsn ?? 0n) > committed);
  expect(replayLsn).toBeLessThan(committed);
  await a.killAll(soon());
  if (damage) await spoilRecord(pair.settingsOf('b').dataDirectory, { timeline: 1, lsn: replayLsn });
  await b.fence(line, 1_000, soon());
  await b.promote(line, soon());
  const { timeline } = await b.status(line, soon());
  return { committed, left: await b.runningHistory(line, timeline, soon()) };
}

test.each([
  { what: 'that can be read begins behind what was acknowledged', damage: false },
  { what: 'that cannot be read begins before it, and PostgreSQL says nothing', damage: true },
])(
  'the timeline of a promotion with a log $what',
  async ({ damage }) => {
    await using pair = await realPair();
    const { committed, left } = await takeOverUnreplayed(pair, damage);
    expect(left).toHaveLength(1);
    const [{ timeline, endLsn } = { timeline: 0, endLsn: 0n }] = left;
    expect(timeline).toBe(1);
    if (damage) expect(endLsn).toBeLessThanOrEqual(committed);
    else expect(endLsn).toBeGreaterThan(committed);
  },
  120_000,
);
