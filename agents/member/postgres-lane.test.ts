import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import type { PostgresInstance, ServerExit, SqlLine } from '#lib/postgres/instance.ts';
import { PostgresLane } from './postgres-lane.ts';

const signal = new AbortController().signal;
const nothing = (): Promise<{ rows: []; notices: [] }> => Promise.resolve({ rows: [], notices: [] });
const line: SqlLine = { query: nothing, repeat: nothing, backendPid: () => undefined, close: () => Promise.resolve() };

test('a standby that answers nobody yet is seen to get on, a file of its log at a time', async () => {
  const clock = new SimulatedClock();
  let file = 2n;
  let looks = 0;
  const parts: Partial<PostgresInstance> = {
    openLine: () => line,
    isStopping: () => Promise.resolve(false),
    status: () => Promise.reject(new Error('the database system is starting up')),
    replayedFile: () => {
      looks += 1;
      return Promise.resolve(file);
    },
  };
  const lane = new PostgresLane(parts as PostgresInstance, { peer: 'a', clock, log: silentLog }, () => undefined, signal);
  lane.started({ pid: 4_711, reattached: false, exited: new Promise<ServerExit>(() => undefined) }, 'standby');
  expect(await lane.look(signal)).toMatchObject({ process: 'running', role: 'standby', consistent: false, replay: 2n });
  file = 3n;
  expect(await lane.look(signal)).toMatchObject({ replay: 2n });
  await clock.advance(1_000);
  expect(await lane.look(signal)).toMatchObject({ replay: 3n });
  expect(looks).toBe(2);
});
