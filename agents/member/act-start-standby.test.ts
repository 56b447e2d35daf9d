import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { postgresErrors } from '#lib/postgres/errors.ts';
import type { PostgresInstance, ServerExit } from '#lib/postgres/instance.ts';
import { startStandby } from './act-start-standby.ts';
import { PostgresLane } from './postgres-lane.ts';

/** An instance whose server, as `waitReady` finds it, does not become ready; its end is told later, once its log was read. */
function unready(failure: Error): PostgresInstance {
  const parts: Partial<PostgresInstance> = {
    openLine: () => ({
      query: () => Promise.resolve({ rows: [], notices: [] }),
      repeat: () => Promise.resolve({ rows: [], notices: [] }),
      backendPid: () => undefined,
      close: () => Promise.resolve(),
    }),
    start: () => Promise.resolve({ pid: 4_711, reattached: false, exited: new Promise<ServerExit>(() => undefined) }),
    waitReady: () => Promise.reject(failure),
  };
  return parts as PostgresInstance;
}

const started = (failure: Error): Promise<void> => {
  const signal = AbortSignal.timeout(10_000);
  const lane = new PostgresLane(unready(failure), { peer: 'a', clock: systemClock, log: silentLog }, () => undefined, signal);
  return startStandby(lane, true, signal);
};

test('a standby that ended while it started is told as a failed start, also before the lane hears of its end', async () => {
  await expect(started(postgresErrors.HK_POSTGRES_NOT_STARTED('FATAL'))).rejects.toMatchObject({ code: 'HK_POSTGRES_NOT_STARTED' });
});

test('a standby that does not answer yet counts as started', async () => {
  await started(postgresErrors.HK_POSTGRES_UNREACHABLE('not yet'));
});
