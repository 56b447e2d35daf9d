import { expect, test } from 'vitest';
import { deadlineErrors } from '#lib/base/deadline.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { postgresErrors } from '#lib/postgres/errors.ts';
import type { PostgresInstance } from '#lib/postgres/instance.ts';
import { rejoin } from './act-rejoin.ts';
import { PostgresLane } from './postgres-lane.ts';

/** An instance whose log is never read to its end in time, and which starts no server. */
function endlessLog(copied: () => void): PostgresInstance {
  const answer = { rows: [], notices: [] };
  const parts: Partial<PostgresInstance> = {
    openLine: () => ({
      query: () => Promise.resolve(answer),
      repeat: () => Promise.resolve(answer),
      backendPid: () => undefined,
      close: () => Promise.resolve(),
    }),
    inspectData: () => Promise.resolve({ holds: 'cluster', control: {} } as Awaited<ReturnType<PostgresInstance['inspectData']>>),
    readProof: () => Promise.resolve({ systemIdentifier: '7', timeline: 1 }),
    logBytes: () => Promise.resolve(2 ** 40),
    stoppedLineage: () => Promise.reject(deadlineErrors.HK_DEADLINE('reading the own log')),
    copy: () => Promise.resolve(copied()),
    start: () => Promise.reject(postgresErrors.HK_POSTGRES_SETTINGS('started')),
  };
  return parts as PostgresInstance;
}

test('a log that was not read to its end in time twice is read no third time: the primary is copied', async () => {
  let copies = 0;
  const signal = AbortSignal.timeout(10_000);
  const ports = { peer: 'a', clock: systemClock, log: silentLog };
  const lane = new PostgresLane(
    endlessLog(() => (copies += 1)),
    ports,
    () => undefined,
    signal,
  );
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(rejoin(lane, false, signal)).rejects.toMatchObject({ code: 'HK_DEADLINE' });
    expect(copies).toBe(0);
  }
  await expect(rejoin(lane, false, signal)).rejects.toThrow('started');
  expect(copies).toBe(1);
  await expect(rejoin(lane, false, signal)).rejects.toMatchObject({ code: 'HK_DEADLINE' });
});
