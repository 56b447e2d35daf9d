import { afterEach, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import type { PostgresInstance, SqlLine } from '#lib/postgres/instance.ts';
import { watchLoweredCommits } from './lowered-commits.ts';
import type { PostgresLane } from './postgres-lane.ts';

let stop = new AbortController();
afterEach(() => stop.abort(new Error('the test is over')));

const role = { role: 'reports', database: null, value: 'off' };

interface Server {
  role: 'primary' | 'standby';
  rows: readonly (typeof role)[] | undefined;
  unloggedIn?: string;
}

/** The watch on a server whose role and settings a test changes under it. */
function watch(server: Server): {
  readonly clock: SimulatedClock;
  readonly found: (readonly string[] | undefined)[];
  readonly warned: string[];
} {
  const clock = new SimulatedClock();
  const found: (readonly string[] | undefined)[] = [];
  const warned: string[] = [];
  const query: SqlLine['query'] = (text) => {
    if (server.rows === undefined) return Promise.reject(new Error('no connection'));
    if (text.includes('pg_db_role_setting')) return Promise.resolve({ rows: [...server.rows], notices: [] });
    const database = { name: server.unloggedIn ?? null };
    return Promise.resolve({ rows: server.unloggedIn === undefined ? [] : [database], notices: [] });
  };
  const line: SqlLine = {
    query,
    repeat: () => Promise.reject(new Error('never asked')),
    backendPid: () => undefined,
    close: () => Promise.resolve(),
  };
  const lane = {
    instance: { openLine: () => line } as Partial<PostgresInstance> as PostgresInstance,
    clock,
    log: { ...silentLog, warn: (fields: Readonly<Record<string, unknown>>) => void warned.push(String(fields['lowered'])) },
    get last() {
      return { process: 'running', role: server.role } as PostgresLane['last'];
    },
  } as Partial<PostgresLane> as PostgresLane;
  stop = new AbortController();
  void watchLoweredCommits(lane, (lowered) => found.push(lowered), stop.signal);
  return { clock, found, warned };
}

test('what is lowered is told at every look, and said in the log once as long as it stays the same', async () => {
  const server = { role: 'primary' as const, rows: [role] };
  const { clock, found, warned } = watch(server);
  await clock.advance(150_000);
  expect(found).toEqual([['role reports'], ['role reports'], ['role reports']]);
  expect(warned).toEqual(['role reports']);
  server.rows = [];
  await clock.advance(60_000);
  server.rows = [role];
  await clock.advance(60_000);
  expect(found.slice(3)).toEqual([[], ['role reports']]);
  expect(warned).toHaveLength(2);
});

test('a look that fails leaves what was told', async () => {
  const server: Server = { role: 'primary', rows: [role] };
  const { clock, found } = watch(server);
  await clock.advance(1_000);
  server.rows = undefined;
  await clock.advance(120_000);
  expect(found).toEqual([['role reports']]);
});

test('a standby tells nothing, and a member that comes to lead is looked at within seconds', async () => {
  const server: Server = { role: 'standby', rows: [role] };
  const { clock, found } = watch(server);
  await clock.advance(1_000);
  expect(found).toEqual([undefined]);
  server.role = 'primary';
  await clock.advance(5_000);
  expect(found.at(-1)).toEqual(['role reports']);
});

test('tables that are not logged are told beside what is lowered, and of many the first 20', async () => {
  const server: Server = { role: 'primary', rows: [role], unloggedIn: 'app' };
  const { clock, found } = watch(server);
  await clock.advance(1_000);
  expect(found).toEqual([['role reports', 'unlogged tables of database app']]);
  server.rows = Array.from({ length: 30 }, () => role);
  await clock.advance(60_000);
  expect(found.at(-1)).toHaveLength(20);
});
