import { expect, test } from 'vitest';
import { systemClock } from '#lib/base/system-clock.ts';
import { poll } from './context.ts';
import type { SqlLine, TimelineSwitch } from './instance.ts';
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
  // The first record after the request is where the pause comes into force at the latest; it may have been read by then, and others with it.
  await a.commitSynchronous(client, soon());
  await untilPaused(line);
  const unread = await a.commitSynchronous(client, soon());
  await a.commitSynchronous(client, soon());
  const committed = await a.commitSynchronous(client, soon());
  const { replayLsn = 0n } = await untilStatus(b, line, (status) => (status.flushLsn ?? 0n) > committed);
  expect(replayLsn).toBeLessThan(unread);
  await a.killAll(soon());
  if (damage) await spoilRecord(pair.settingsOf('b').dataDirectory, { timeline: 1, lsn: unread });
  await b.fence(line, 1_000, soon());
  await b.promote(line, soon());
  const { timeline } = await b.status(line, soon());
  return { committed, left: await b.runningHistory(line, timeline, soon()) };
}

async function untilPaused(line: SqlLine): Promise<void> {
  const signal = soon();
  const paused = async (): Promise<true | undefined> => {
    const { rows } = await line.query('SELECT pg_get_wal_replay_pause_state() AS is', [], signal);
    return rows[0]?.['is'] === 'paused' ? true : undefined;
  };
  await poll(paused, 20, { clock: systemClock }, signal);
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
