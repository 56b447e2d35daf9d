import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { HistoryRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { startPlainPostgres } from '#test/hall/plain-postgres.ts';
import type { PlainPostgres } from '#test/hall/plain-postgres.ts';
import { emptyRoster } from '../roster.ts';
import type { LedgerItem, TransitionItem } from './ledger-items.ts';
import { LedgerSession } from './ledger-session.ts';
import { LedgerWriter } from './ledger-writer.ts';
import { loadLedger } from './load-ledger.ts';
import { migrate } from './migrate.ts';
import { HistoryReader } from './read-history.ts';
import { listMigrations, statement } from './statements.ts';

/** What a ledger that has grown, a slow PostgreSQL and a value it does not take do to the hall server. */
const waitMaxMs = 60_000;
const soon = (): AbortSignal => AbortSignal.timeout(waitMaxMs);
let postgres: PlainPostgres;

beforeAll(async () => {
  postgres = await startPlainPostgres();
}, 120_000);

afterAll(() => postgres?.[Symbol.asyncDispose]());

const openSession = (): Promise<LedgerSession> => LedgerSession.open(postgres.ledger, systemClock, soon());

async function freshLedger(): Promise<LedgerSession> {
  await postgres.query('drop schema if exists ledger cascade');
  const session = await openSession();
  await migrate(session, soon());
  return session;
}

test('a migration that takes longer than any statement may is waited for', async () => {
  const session = await freshLedger();
  const known = listMigrations();
  const slow = { number: known.length + 1, name: 'slow', text: 'select pg_sleep(7.5)' };
  try {
    expect(await migrate(session, soon(), [...known, slow])).toBe(1);
    // The limit of ordinary statements is back.
    expect(await postgres.query('select count(*)::integer as found from ledger.migration')).toEqual([{ found: slow.number }]);
    await expect(session.execute('select pg_sleep(20)', soon())).rejects.toMatchObject({ code: 'HK_LEDGER_AWAY' });
  } finally {
    session.destroy();
  }
}, 60_000);

interface Plan {
  readonly 'Node Type': string;
  readonly 'Actual Rows'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Actual Loops'?: number;
  readonly Plans?: readonly Plan[];
}

/** Rows that a plan touched, those thrown away included. */
const touched = (plan: Plan): number =>
  ((plan['Actual Rows'] ?? 0) + (plan['Rows Removed by Filter'] ?? 0)) * (plan['Actual Loops'] ?? 1) +
  (plan.Plans ?? []).reduce((sum, child) => sum + touched(child), 0);

async function touchedBy(text: string, values: readonly unknown[] = []): Promise<number> {
  const [row] = await postgres.query(`explain (analyze, format json) ${text}`, values);
  const explained = (row?.['QUERY PLAN'] ?? []) as readonly { readonly Plan: Plan }[];
  if (explained[0] === undefined) throw new Error('there is no plan');
  return touched(explained[0].Plan);
}

test('neither a take-over nor a question about an hour reads a history of years from its start', async () => {
  const session = await freshLedger();
  try {
    // A transition a second; each happened five seconds before it was decided.
    await postgres.query(`insert into ledger.terminal_state
      select n, 't' || n % 50, 'online', 'offline', timestamptz '2026-01-01Z' + n * interval '1 second',
        timestamptz '2026-01-01Z' + (n + 5) * interval '1 second', '', 1, 'a' from generate_series(1, 100000) as n`);
    await postgres.query('analyze ledger.terminal_state');
    expect(await touchedBy(statement('read-feed'))).toBeLessThan(50);
    const loaded = await loadLedger(session, { hall: 'north', epoch: 1n }, soon());
    expect(loaded.latestMs).toBe(Date.UTC(2026, 0, 1) + 100_005_000);

    const startMs = Date.UTC(2026, 0, 1);
    const span = async (fromS: number | null, untilS: number | null): Promise<number> => {
      const values = ['0', [], fromS === null ? null : startMs + fromS * 1_000, untilS === null ? null : startMs + untilS * 1_000, 101];
      return touchedBy(statement('read-history'), values);
    };
    for (const [from, until] of [
      [99_000, null],
      [50_000, 50_060],
      [50_000, 60_000],
      [200_000, null],
      [null, 100],
    ] as const) {
      expect(await span(from, until), `${from} to ${until}`).toBeLessThan(5_000);
    }
    const reader = new HistoryReader(postgres.ledger, systemClock);
    const page = await reader.read(
      HistoryRequest.fromPartial({ fromUnixMs: BigInt(startMs + 50_000_000), untilUnixMs: BigInt(startMs + 50_003_000) }),
      soon(),
    );
    reader.close();
    expect(page.transitions.map(({ number }) => number)).toEqual([50_000n, 50_001n, 50_002n]);
  } finally {
    session.destroy();
  }
}, 60_000);

test('a reader whose time is over while it waits for its turn leaves the connection to the next, and closing refuses all', async () => {
  (await freshLedger()).destroy();
  const reader = new HistoryReader(postgres.ledger, systemClock);
  const ask = HistoryRequest.fromPartial({});
  const first = await reader.read(ask, soon());
  expect(first.transitions).toEqual([]);
  const backends = async (): Promise<unknown> =>
    (await postgres.query("select pid from pg_stat_activity where usename = 'hallkeeper_hall'")).map((row) => row['pid']);
  const before = await backends();
  const late = AbortSignal.abort(new Error('its time is over'));
  await expect(reader.read(ask, late)).rejects.toThrow('its time is over');
  await reader.read(ask, soon());
  expect(await backends()).toEqual(before);
  const waiting = [reader.read(ask, soon()), reader.read(ask, soon())];
  for (const one of waiting) one.catch(() => undefined);
  reader.close();
  const ends = await Promise.allSettled([...waiting, reader.read(ask, soon())]);
  expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected', 'rejected']);
  await eventually('no connection is left', async () => ((await backends()) as unknown[]).length === 0, { maxMs: waitMaxMs });
});

const aMove = (terminal: string, wish: Partial<TransitionItem> = {}): LedgerItem => ({
  kind: 'transition',
  terminal,
  from: 'unknown',
  to: 'online',
  atMs: 1_000,
  decidedAtMs: 1_000,
  why: '',
  fromTotalMs: 0,
  hangs: 0,
  ...wish,
});

async function aWriter(session: LedgerSession) {
  const refused: LedgerItem[] = [];
  const numbers: bigint[] = [];
  const away: string[] = [];
  const writer = new LedgerWriter(
    session,
    { epoch: 1n, member: 'a', feedNumber: 0n },
    {
      open: openSession,
      clock: systemClock,
      random: seededRandom(1),
      log: silentLog,
      onCommitted: (changes) => numbers.push(...changes.map(({ number }) => number)),
      onRefused: (item) => refused.push(item),
      onLedger: (state) => away.push(state),
      onFalseAck: () => undefined,
      onCommitMs: () => undefined,
    },
  );
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { writer, refused, numbers, away, end };
}

test('a value that PostgreSQL never takes is left out and told, and everything around it is written without a gap', async () => {
  const { writer, refused, numbers, away, end } = await aWriter(await freshLedger());
  try {
    const items = Array.from({ length: 40 }, (_none, index) => aMove(`t${index}`, index === 23 ? { why: 'a\u0000b' } : {}));
    writer.put(items, undefined);
    const early = writer.committed(soon());
    await expect(early).rejects.toMatchObject({ code: 'HK_LEDGER_REFUSED' });
    expect(refused).toEqual([items[23]]);
    writer.put([aMove('last')], undefined);
    await writer.committed(soon());
    expect(numbers).toEqual(Array.from({ length: 40 }, (_none, index) => BigInt(index + 1)));
    const stored = await postgres.query('select terminal from ledger.terminal_state order by number');
    expect(stored.map((row) => row['terminal'])).toEqual(
      [...items.filter((_item, index) => index !== 23), aMove('last')].map((item) => item.kind === 'transition' && item.terminal),
    );
    expect(away).toEqual([]);
  } finally {
    await end();
  }
});

test('while the ledger is away a bounded number of callers waits, and each no longer than its time', async () => {
  const { writer, end } = await aWriter(await freshLedger());
  try {
    await writer.committed(soon());
    await postgres.kill();
    const profile = {
      name: 't1',
      model: '',
      zone: '',
      seat: '',
      serialNumber: '',
      suspended: false,
      suspendReason: '',
      suspendUntilMs: undefined,
      heartbeat: {},
    };
    const next = { ...emptyRoster, revision: 'r1', terminals: new Map([['t1', profile]]) };
    writer.put([{ kind: 'roster', hall: 'north', change: { from: emptyRoster, next, put: [profile], removed: [] } }], undefined);
    expect(writer.hasRoster).toBe(true);
    const leave = new AbortController();
    const waiting = Array.from({ length: 64 }, () => writer.committed(leave.signal));
    const ends = Promise.allSettled(waiting);
    await expect(writer.committed(soon())).rejects.toMatchObject({ code: 'HK_RATE_EXCEEDED' });
    leave.abort(new Error('its time is over'));
    expect(new Set((await ends).map((one) => one.status === 'rejected' && (one.reason as Error).message))).toEqual(
      new Set(['its time is over']),
    );
    // Who left makes room.
    const again = writer.committed(soon());
    await postgres.start();
    await again;
    expect(writer.hasRoster).toBe(false);
  } finally {
    await end();
  }
});
