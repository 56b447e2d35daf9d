import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { systemClock } from '#lib/base/system-clock.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { startHallProcess } from '#test/hall/hall-process.ts';
import type { HallProcess } from '#test/hall/hall-process.ts';
import { linkTo, put, rosterOf, stateWord, watch } from '#test/hall/hall-readers.ts';
import type { FleetView } from '#test/hall/hall-readers.ts';
import { exporterIdentity, linkCertificates, operatorIdentity, terminalIdentity } from '#test/hall/link-certificates.ts';
import type { LinkCertificates } from '#test/hall/link-certificates.ts';
import { startPlainPostgres } from '#test/hall/plain-postgres.ts';
import type { PlainPostgres } from '#test/hall/plain-postgres.ts';
import { rawTerminal } from '#test/hall/raw-terminal.ts';
import { FleetClient, HistoryRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { HistoryAnswer } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { LedgerSession } from './ledger-session.ts';
import { migrate } from './migrate.ts';
import { listMigrations } from './statements.ts';

const waitMaxMs = 60_000;
const soon = (): AbortSignal => AbortSignal.timeout(waitMaxMs);
let folder: TemporaryFolder;
let certificates: LinkCertificates;
let postgres: PlainPostgres;
let operator: ChannelCredentials;
let exporter: ChannelCredentials;
let t1: ChannelCredentials;

beforeAll(async () => {
  folder = await temporaryFolder('hall-ledger');
  certificates = await linkCertificates();
  postgres = await startPlainPostgres();
  operator = await certificates.client(operatorIdentity);
  exporter = await certificates.client(exporterIdentity);
  t1 = await certificates.client(terminalIdentity('t1'));
});

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await folder?.remove();
});

let epoch = 0;
/** Higher than any that this ledger has seen. */
const nextEpoch = (): number => (epoch += 1);

const dropLedger = (): Promise<unknown> => postgres.query('drop schema if exists ledger cascade');

const openSession = (): Promise<LedgerSession> => LedgerSession.open(postgres.ledger, systemClock, soon());

test('migrations are numbered without a gap and hold one statement each', () => {
  const migrations = listMigrations();
  expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_one, index) => index + 1));
  expect(migrations.filter(({ text }) => text.includes(';'))).toEqual([]);
});

test('of several that migrate at once each finds a whole ledger, and each migration ran once', async () => {
  await dropLedger();
  const sessions = await Promise.all([openSession(), openSession(), openSession()]);
  try {
    const applied = await Promise.all(sessions.map((session) => migrate(session, soon())));
    expect(applied.toSorted((a, b) => a - b)).toEqual([0, 0, listMigrations().length]);
  } finally {
    for (const session of sessions) session.destroy();
  }
});

test('a migration that was changed after it ran is refused by its number', async () => {
  await dropLedger();
  const session = await openSession();
  await migrate(session, soon());
  await postgres.query("update ledger.migration set sha256 = 'x' where number = 3");
  await expect(migrate(session, soon())).rejects.toMatchObject({
    code: 'HK_LEDGER_MIGRATION',
    message: expect.stringContaining('migration 3') as string,
  });
  session.destroy();
  await dropLedger();
});

test('a commit whose wait for the standby is cancelled is a failure, though PostgreSQL calls it done', async () => {
  const session = await openSession();
  await migrate(session, soon());
  await postgres.query("alter system set synchronous_standby_names = 'hallkeeper_gate'");
  await postgres.query('select pg_reload_conf()');
  try {
    const writing = session.transaction(() => session.query('write-feed', ['1'], soon()), soon());
    writing.catch(() => undefined);
    // synchronous_standby_names bites from the moment the checkpointer has read it; until then a commit may pass.
    const waiting = await eventually(
      'the commit waits at the gate',
      async () => (await postgres.query("select pid from pg_stat_activity where wait_event = 'SyncRep'"))[0],
      { maxMs: waitMaxMs },
    );
    await postgres.query('select pg_cancel_backend($1)', [waiting['pid']]);
    await expect(writing).rejects.toMatchObject({ code: 'HK_LEDGER_FALSE_ACK' });
    expect(session.isBroken).toBe(true);
  } finally {
    await postgres.query('alter system reset synchronous_standby_names');
    await postgres.query('select pg_reload_conf()');
  }
});

async function migrateAnew(): Promise<void> {
  await dropLedger();
  const session = await openSession();
  await migrate(session, soon());
  session.destroy();
}

const totalsOf = (view: FleetView, name: string): Readonly<Record<string, number>> => {
  const own = view.measurements?.terminals.find(({ terminal }) => terminal === name)?.stateTotals ?? [];
  return Object.fromEntries(own.map(({ state, milliseconds }) => [stateWord(state), Number(milliseconds)]));
};

async function measured(view: FleetView, what: string, check: () => boolean): Promise<void> {
  await eventually(what, () => view.measurements !== undefined && check(), { maxMs: waitMaxMs });
}

test('history and totals outlive restart and take-over: the gap is unknown, and no counter goes back', async () => {
  await migrateAnew();
  await using a = await startHallProcess(folder.path, 'a', certificates, postgres);
  await using b = await startHallProcess(folder.path, 'b', certificates, postgres);
  a.control({ do: 'lead', epoch: nextEpoch() });
  await a.untilEvent('leading');
  const ports = [a.port, b.port];
  await put(ports, operator, rosterOf('r1', ['t1', 't2']));
  const seen: Record<string, number>[] = [];
  await using view = watch(linkTo(ports, exporter));
  const keep = setInterval(() => seen.push(totalsOf(view, 't1')), 100);
  const beatAt = async (server: HallProcess, isEnough: () => boolean): Promise<void> => {
    using terminal = rawTerminal(server.port, t1, 't1');
    terminal.hello();
    await terminal.until('welcome');
    const beating = setInterval(() => terminal.beat(), 100);
    await eventually('the terminal was heard for long enough', isEnough, { maxMs: waitMaxMs }).finally(() => clearInterval(beating));
  };
  try {
    await beatAt(a, () => (totalsOf(view, 't1')['ONLINE'] ?? 0) > 1_500);
    await measured(view, 't2 has been offline for a while', () => (totalsOf(view, 't2')['OFFLINE'] ?? 0) > 500);
    await a.kill();
    const [last] = await postgres.query('select (extract(epoch from max(to_at)) * 1000)::bigint::text as ms from ledger.observer');
    const second = nextEpoch();
    b.control({ do: 'lead', epoch: second });
    await b.untilEvent('leading');
    await eventually('the reader follows the new epoch', () => view.epoch === BigInt(second), { maxMs: waitMaxMs });
    const before = totalsOf(view, 't1')['ONLINE'] ?? 0;
    await beatAt(b, () => (totalsOf(view, 't1')['ONLINE'] ?? 0) > before + 1_500);
    const gap = await postgres.query(
      `select from_state, why, (extract(epoch from at) * 1000)::bigint::text as at, epoch::text as epoch
       from ledger.terminal_state where to_state = 'unknown' and terminal = 't1' order by number`,
    );
    expect(gap).toEqual([expect.objectContaining({ why: 'nobody watched', epoch: String(second) })]);
    expect(Number(gap[0]?.['at'])).toBeGreaterThanOrEqual(Number(last?.['ms']));
  } finally {
    clearInterval(keep);
  }
  const told = seen.filter((totals) => Object.keys(totals).length > 0);
  for (const [index, totals] of told.entries()) {
    for (const [state, milliseconds] of Object.entries(told[index - 1] ?? {})) expect(totals[state]).toBeGreaterThanOrEqual(milliseconds);
  }
  const order = await postgres.query('select terminal, at from ledger.terminal_state order by terminal, number');
  for (const [index, row] of order.entries()) {
    const previous = order[index - 1] ?? {};
    if (previous['terminal'] === row['terminal']) expect(Number(row['at'])).toBeGreaterThanOrEqual(Number(previous['at']));
  }
  // The sum of what is credited never exceeds the time that observers saw.
  const [sums] = await postgres.query(
    `select (select sum(milliseconds) from ledger.terminal_state_total where terminal = 't1')
       <= (select sum(extract(epoch from to_at - from_at) * 1000) + 2000 from ledger.observer) as holds`,
  );
  expect(sums?.['holds']).toBe(true);
});

test('while the ledger is away states are decided and heartbeats answered; what happened is written later, in order, once', async () => {
  await using a = await startHallProcess(folder.path, 'a', certificates, postgres);
  a.control({ do: 'lead', epoch: nextEpoch() });
  await a.untilEvent('leading');
  await put([a.port], operator, rosterOf('r3', ['t1']));
  await using view = watch(linkTo([a.port], exporter));
  using terminal = rawTerminal(a.port, t1, 't1');
  terminal.hello();
  await terminal.until('welcome');
  let isBeating = true;
  let isDown = false;
  const beating = setInterval(() => isBeating && terminal.beat(), 100);
  try {
    await eventually('t1 is online', () => view.state('t1') === 'ONLINE', { maxMs: waitMaxMs });
    await postgres.kill();
    isDown = true;
    await eventually('the agent is told', () => a.events.some((event) => event.event === 'ledger' && event.state === 'away'), {
      maxMs: waitMaxMs,
    });
    const ready = (): Promise<Response> => fetch(`http://127.0.0.1:${a.metricsPort}/-/ready`);
    const writable = async (): Promise<string | undefined> =>
      /^hallkeeper_hall_ledger_writable\{.*\} (.*)$/m.exec(await (await fetch(`http://127.0.0.1:${a.metricsPort}/metrics`)).text())?.[1];
    expect([(await ready()).status, await writable()]).toEqual([503, '0']);
    terminal.beat();
    await terminal.until('heartbeatAnswer');
    isBeating = false;
    // Nothing tells from outside that it was judged: the feed is silent while nothing can be written.
    await systemClock.sleep(2_000);
    isBeating = true;
    await postgres.start();
    isDown = false;
    const told = (): string[] => view.transitions.map(({ to }) => String(stateWord(to)));
    await eventually('both transitions are told', () => told().slice(-2).join() === 'OFFLINE,ONLINE', { maxMs: waitMaxMs });
    expect([(await ready()).status, await writable()]).toEqual([200, '1']);
    a.control({ do: 'follow' });
    await a.untilEvent('following');
    expect([(await ready()).status, await writable()]).toEqual([200, undefined]);
    const stored = await postgres.query(
      `select to_state from ledger.terminal_state where epoch = ${epoch} and terminal = 't1' order by number`,
    );
    expect(stored.map((row) => row['to_state']).slice(-3)).toEqual(['online', 'offline', 'online']);
  } finally {
    clearInterval(beating);
    if (isDown) await postgres.start();
  }
});

test('history is read in pages, by terminal and by time', async () => {
  await using a = await startHallProcess(folder.path, 'a', certificates, postgres);
  a.control({ do: 'lead', epoch: nextEpoch() });
  await a.untilEvent('leading');
  await put([a.port], operator, rosterOf('pages', ['t1', 't2', 't3', 't4', 't5']));
  const offline = "select 1 from ledger.terminal_state where to_state = 'offline' and epoch = $1";
  await eventually('all are offline', async () => (await postgres.query(offline, [epoch])).length >= 5, { maxMs: waitMaxMs });
  const client = new FleetClient(`ipv4:127.0.0.1:${a.port}`, exporter);
  const ask = (wish: Partial<HistoryRequest>): Promise<HistoryAnswer> =>
    new Promise((resolve, reject) => {
      client.history(HistoryRequest.fromPartial(wish), (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  const page = async (wish: Partial<HistoryRequest>) => {
    const { body } = await ask(wish);
    if (body?.$case !== 'page') throw new Error('no page');
    return body.value;
  };
  try {
    const all = await page({});
    expect(all.transitions.length).toBeGreaterThan(3);
    const first = await page({ limit: 2 });
    const second = await page({ limit: 1_000, fromNumber: first.nextNumber ?? 0n });
    expect([...first.transitions, ...second.transitions]).toEqual(all.transitions);
    expect(second.nextNumber).toBeUndefined();
    const t2 = await page({ terminals: ['t2'] });
    expect(new Set(t2.transitions.map(({ terminal }) => terminal))).toEqual(new Set(['t2']));
    const lastAt = all.transitions.at(-1)?.atUnixMs ?? 0n;
    expect((await page({ fromUnixMs: lastAt + 1n })).transitions).toEqual([]);
    await expect(ask({ limit: 5_000 })).rejects.toThrow(/INVALID_ARGUMENT/);
  } finally {
    client.close();
  }
});

test('a server that is told to lead with a lower epoch than the ledger has seen never leads', async () => {
  await using a = await startHallProcess(folder.path, 'a', certificates, postgres);
  await migrateAnew();
  await postgres.query("insert into ledger.observer (epoch, from_at, to_at, member) values ($1, now(), now(), 'x')", [epoch + 2]);
  a.control({ do: 'lead', epoch: nextEpoch() });
  const event = await a.untilEvent('ledger');
  expect(event).toMatchObject({ state: 'away', why: expect.stringContaining('higher epoch') as string });
  expect(a.events.some((one) => one.event === 'leading')).toBe(false);
});
