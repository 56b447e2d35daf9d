import { spawnSync } from 'node:child_process';
import { status } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuthority } from '#lib/pki/authority.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { systemProgram } from '#test/cluster/programs.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { linkTo, put, rosterOf, watch } from '#test/hall/hall-readers.ts';
import { startHallProcess } from '#test/hall/hall-process.ts';
import type { HallProcess } from '#test/hall/hall-process.ts';
import { exporterIdentity, linkCertificates, operatorIdentity, terminalIdentity } from '#test/hall/link-certificates.ts';
import type { LinkCertificates } from '#test/hall/link-certificates.ts';
import { startPlainPostgres } from '#test/hall/plain-postgres.ts';
import type { PlainPostgres } from '#test/hall/plain-postgres.ts';
import { rawTerminal } from '#test/hall/raw-terminal.ts';

const waitMaxMs = 60_000;
let folder: TemporaryFolder;
let certificates: LinkCertificates;
let postgres: PlainPostgres;
let server: HallProcess;
let operator: ChannelCredentials;
let exporter: ChannelCredentials;
let t1: ChannelCredentials;

beforeAll(async () => {
  folder = await temporaryFolder('hall');
  certificates = await linkCertificates();
  postgres = await startPlainPostgres();
  server = await startHallProcess(folder.path, 'a', certificates, postgres);
  operator = await certificates.client(operatorIdentity);
  exporter = await certificates.client(exporterIdentity);
  t1 = await certificates.client(terminalIdentity('t1'));
}, 120_000);

afterAll(async () => {
  await server?.kill();
  await postgres?.[Symbol.asyncDispose]();
  await folder?.remove();
});

let epoch = 10;

/** Each test begins with a new epoch and with a roster of its own. */
beforeEach(async () => {
  epoch += 1;
  server.control({ do: 'lead', epoch });
  await server.untilEvent('leading');
  await put([server.port], operator, rosterOf(`r${epoch}`, ['t1', 't2', 't3']));
}, 60_000);

test('before it leads everyone is answered NotPrimary, and the stream of a terminal becomes its welcome', async () => {
  await using other = await startHallProcess(folder.path, 'b', certificates, postgres);
  using terminal = rawTerminal(other.port, t1, 't1');
  using stranger = rawTerminal(other.port, await certificates.client(terminalIdentity('t9')), 't9');
  for (const one of [terminal, stranger]) {
    one.hello();
    expect((await one.until('notPrimary')).epoch).toBe(0n);
  }
  await expect(put([other.port], operator, rosterOf('rx', ['t1']))).rejects.toMatchObject({ code: 'HK_LINK_NOT_PRIMARY' });

  epoch += 1;
  other.control({ do: 'lead', epoch });
  expect(await other.untilEvent('leading')).toEqual({ event: 'leading', epoch });
  expect((await terminal.until('welcome')).epoch).toBe(BigInt(epoch));
  // Who is not in the roster is refused with a hint when to come back.
  const refusal = await stranger.untilEnd();
  expect(refusal.code).toBe(status.PERMISSION_DENIED);
  expect(refusal.metadata.get('hallkeeper-code')).toEqual(['HK_TERMINAL_UNKNOWN']);
  expect(Number(refusal.metadata.get('hallkeeper-retry-after-ms')[0])).toBeGreaterThan(0);
});

test('a roster is answered after its commit, and the same revision again changes nothing', async () => {
  const request = rosterOf('again', ['t1', 't2', 't4']);
  const stored = await put([server.port], operator, request);
  expect(stored).toEqual({ kind: 'stored', epoch: BigInt(epoch), revision: 'again' });
  expect(await postgres.query('select name from ledger.terminal order by name')).toEqual([{ name: 't1' }, { name: 't2' }, { name: 't4' }]);
  const written = (): Promise<unknown> => postgres.query('select revision, stored_at from ledger.roster');
  const before = await written();
  expect(await put([server.port], operator, request)).toEqual(stored);
  expect(await written()).toEqual(before);
  const conflict = await put([server.port], operator, { ...rosterOf('next', ['t1']), expectedRevision: 'r0' });
  expect(conflict).toEqual({ kind: 'conflict', epoch: BigInt(epoch), storedRevision: 'again' });
  expect(await written()).toEqual(before);
});

test('a roster with faults is refused with all of them', async () => {
  const request = rosterOf('', ['T 1', 't2', 't2'], {
    t2: { heartbeatOverrides: { ...rosterOf('', []).roster!.heartbeat!, offlineAfterMs: 300 } },
  });
  const problem = await put([server.port], operator, request).catch((error: unknown) => error as Error);
  expect(problem).toMatchObject({ code: 'HK_LINK_REFUSED' });
  for (const part of ['revision', 'terminals[0].name', 'repeats "t2"', 'terminals[1].heartbeat.offlineAfterMs']) {
    expect((problem as Error).message).toContain(part);
  }
});

describe('who may call what', () => {
  test.each([
    ['an exporter may not put a roster', () => exporter],
    ['a terminal may not put a roster', () => t1],
  ])('%s', async (_what, credentials) => {
    await expect(put([server.port], credentials(), rosterOf('rx', ['t1']))).rejects.toThrow(/PERMISSION_DENIED/);
  });

  test('a terminal may not read the feed', async () => {
    await using view = watch(linkTo([server.port], t1));
    await eventually('the reader is refused', () => view.losses > 0, { maxMs: waitMaxMs });
    expect(view.snapshots).toEqual([]);
  });

  test("the hall's authority cannot make an operator", async () => {
    const forged = await certificates.client(operatorIdentity, certificates.hallCa);
    await expect(put([server.port], forged, rosterOf('rx', ['t1']))).rejects.toThrow(/PERMISSION_DENIED.*may not speak for/);
  });

  test('a certificate of a foreign authority does not even connect', async () => {
    const foreign = await createAuthority({ commonName: 'foreign ca', nowMs: Date.now() });
    using terminal = rawTerminal(server.port, await certificates.client(terminalIdentity('t1'), foreign), 't1');
    terminal.hello();
    expect((await terminal.untilEnd()).code).toBe(status.UNAVAILABLE);
  });

  test('a terminal that speaks as another is refused', async () => {
    using terminal = rawTerminal(server.port, t1, 't1');
    terminal.hello({ terminal: 't2' });
    const refusal = await terminal.untilEnd();
    expect([refusal.code, refusal.metadata.get('hallkeeper-code')]).toEqual([status.PERMISSION_DENIED, ['HK_PEER_NOT_ALLOWED']]);
  });

  test('a terminal of another hall is refused', async () => {
    const other = { kind: 'terminal', trustDomain: 'hallkeeper.dev', hall: 'south', name: 't1' } as const;
    using terminal = rawTerminal(server.port, await certificates.client(other), 't1');
    terminal.hello();
    expect((await terminal.untilEnd()).code).toBe(status.PERMISSION_DENIED);
  });
});

test('heartbeats make a terminal online, silence offline, a game that stands still hung; readers are told each once', async () => {
  await using view = watch(linkTo([server.port], exporter));
  using terminal = rawTerminal(server.port, t1, 't1');
  terminal.hello();
  const welcome = await terminal.until('welcome');
  expect([welcome.epoch, welcome.body?.$case === 'welcome' && welcome.body.value.heartbeatIntervalMs]).toEqual([BigInt(epoch), 200]);
  let progress = 1n;
  let isStill = false;
  const beating = setInterval(() => terminal.beat({ gameProgress: isStill ? progress : (progress += 1n) }), 200);
  try {
    await terminal.until('heartbeatAnswer');
    await eventually('t1 is online', () => view.state('t1') === 'ONLINE', { maxMs: waitMaxMs });
    await eventually('t2, which never called, is offline', () => view.state('t2') === 'OFFLINE', { maxMs: waitMaxMs });
    isStill = true;
    await eventually('t1 is hung', () => view.state('t1') === 'HUNG', { maxMs: waitMaxMs });
    isStill = false;
    await eventually('t1 is online again', () => view.state('t1') === 'ONLINE', { maxMs: waitMaxMs });
  } finally {
    clearInterval(beating);
  }
  await eventually('t1 is offline', () => view.state('t1') === 'OFFLINE', { maxMs: waitMaxMs });
  const own = view.transitions.filter((one) => one.terminal === 't1');
  expect(own.every(({ atUnixMs, decidedAtUnixMs }) => atUnixMs <= decidedAtUnixMs)).toBe(true);
  expect(own.every(({ atUnixMs }, index) => atUnixMs >= (own[index - 1]?.atUnixMs ?? 0n))).toBe(true);
  expect(view.numbers.every((number, index) => index === 0 || number === (view.numbers[index - 1] ?? 0n) + 1n)).toBe(true);
  const stored = await postgres.query("select from_state, to_state from ledger.terminal_state where terminal = 't1' order by number");
  expect(stored.map((row) => row['to_state']).slice(-4)).toEqual(['online', 'hung', 'online', 'offline']);
});

test('a run that only paused and the one that took its place never both play, and the name is marked', async () => {
  await using view = watch(linkTo([server.port], exporter));
  using first = rawTerminal(server.port, t1, 't1');
  first.hello();
  await first.until('welcome');
  first.beat();
  await first.until('heartbeatAnswer');
  const pausedUntilMs = performance.now() + 600;
  await eventually('it paused for two and a half intervals', () => performance.now() > pausedUntilMs, { maxMs: waitMaxMs });
  using second = rawTerminal(server.port, t1, 't1');
  second.hello();
  await second.until('welcome');
  first.beat();
  const dropped = await first.untilEnd();
  expect(dropped.metadata.get('hallkeeper-code')).toEqual(['HK_TERMINAL_REPLACED']);
  const beating = setInterval(() => second.beat(), 100);
  try {
    await second.until('heartbeatAnswer');
    using back = rawTerminal(server.port, t1, 't1');
    back.hello();
    expect((await back.untilEnd()).metadata.get('hallkeeper-code')).toEqual(['HK_TERMINAL_DUPLICATE']);
    expect((await second.until('desired')).body).toMatchObject({ value: { newPlay: false, refusals: [2] } });
    const marked = (): boolean => view.measurements?.terminals.find(({ terminal }) => terminal === 't1')?.identityDuplicate === true;
    await eventually('readers are told', marked, { maxMs: waitMaxMs });
  } finally {
    clearInterval(beating);
  }
});

test('streams that say no hello push out each other, never the run that plays', async () => {
  using live = rawTerminal(server.port, t1, 't1');
  live.hello();
  await live.until('welcome');
  const beating = setInterval(() => live.beat(), 100);
  const silent = Array.from({ length: 4 }, () => rawTerminal(server.port, t1, 't1'));
  try {
    await eventually('the oldest silent ones went', () => silent.filter(({ ended }) => ended !== undefined).length >= 2, {
      maxMs: waitMaxMs,
    });
    await live.until('heartbeatAnswer');
    expect(live.ended).toBeUndefined();
  } finally {
    clearInterval(beating);
    for (const one of silent) one[Symbol.dispose]();
  }
});

test('whatever one terminal says of its clock and channels, readers go on being told of all', async () => {
  await using view = watch(linkTo([server.port], exporter));
  using odd = rawTerminal(server.port, t1, 't1');
  odd.hello();
  await odd.until('welcome');
  const channel = { channel: 'x'.repeat(400), up: true, active: true, calls: 1n, failures: [], roundTripUs: 9 };
  const beat = (): void => odd.beat({ wallUnixMs: 2n ** 63n - 1n, channels: Array.from({ length: 20 }, () => channel) });
  const beating = setInterval(beat, 200);
  try {
    await odd.until('heartbeatAnswer');
    const told = () => view.measurements?.terminals.find(({ terminal, channels }) => terminal === 't1' && channels.length > 0);
    const measured = await eventually('its measurement is told', told, { maxMs: waitMaxMs });
    expect([measured.clockOffsetMs, measured.channels.length, measured.channels[0]?.channel.length]).toEqual([undefined, 8, 63]);
    expect(view.losses).toBe(0);
  } finally {
    clearInterval(beating);
  }
});

test('a second live run of one name is refused, and the first one is told that play must wait', async () => {
  using first = rawTerminal(server.port, t1, 't1');
  first.hello();
  await first.until('welcome');
  const beating = setInterval(() => first.beat(), 100);
  try {
    await first.until('heartbeatAnswer');
    using second = rawTerminal(server.port, t1, 't1');
    second.hello({ runId: Buffer.alloc(16, 7) });
    const refusal = await second.untilEnd();
    expect([refusal.code, refusal.metadata.get('hallkeeper-code')]).toEqual([status.ALREADY_EXISTS, ['HK_TERMINAL_DUPLICATE']]);
    const desired = await first.until('desired');
    expect(desired.body).toMatchObject({ value: { newPlay: false, refusals: [2] } });
  } finally {
    clearInterval(beating);
  }
});

test('a message above the limit, a flood of messages and one of bytes are refused with a hint', async () => {
  using large = rawTerminal(server.port, t1, 't1');
  large.hello();
  large.beat({ openSession: 'x'.repeat(16_400) });
  const tooLarge = await large.untilEnd();
  using fast = rawTerminal(server.port, await certificates.client(terminalIdentity('t2')), 't2');
  fast.hello();
  for (let count = 0; count < 100; count += 1) fast.beat();
  const tooFast = await fast.untilEnd();
  using heavy = rawTerminal(server.port, await certificates.client(terminalIdentity('t3')), 't3');
  heavy.hello();
  for (let count = 0; count < 8; count += 1) heavy.beat({ openSession: 'x'.repeat(15_000) });
  const tooHeavy = await heavy.untilEnd();
  for (const refusal of [tooLarge, tooFast, tooHeavy]) {
    expect(refusal.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(Number(refusal.metadata.get('hallkeeper-retry-after-ms')[0])).toBeGreaterThan(0);
  }
});

test('a suspended terminal is in maintenance, a removed one disappears and is refused', async () => {
  await using view = watch(linkTo([server.port], exporter));
  using terminal = rawTerminal(server.port, await certificates.client(terminalIdentity('t3')), 't3');
  terminal.hello();
  await terminal.until('welcome');
  await put([server.port], operator, rosterOf('suspended', ['t1', 't2', 't3'], { t3: { suspended: true, suspendReason: 'new lamp' } }));
  await eventually('t3 is in maintenance', () => view.state('t3') === 'MAINTENANCE', { maxMs: waitMaxMs });
  expect((await terminal.until('desired')).body).toMatchObject({ value: { newPlay: false, refusals: [1] } });
  await put([server.port], operator, rosterOf('without', ['t1', 't2']));
  await eventually('t3 is gone', () => !view.terminals.has('t3') && view.revision === 'without', { maxMs: waitMaxMs });
  expect((await terminal.untilEnd()).code).toBe(status.PERMISSION_DENIED);
});

test('its metrics say what it answered and how long it took, and promtool accepts them', async () => {
  // A server of its own: what it counts is what this test does.
  await using other = await startHallProcess(folder.path, 'c', certificates, postgres);
  using early = rawTerminal(other.port, await certificates.client(terminalIdentity('t2')), 't2');
  early.hello();
  await early.until('notPrimary');
  epoch += 1;
  other.control({ do: 'lead', epoch });
  // A notice, not an answer: it does not count.
  await early.until('welcome');
  using terminal = rawTerminal(other.port, t1, 't1');
  terminal.hello();
  await terminal.until('welcome');
  for (let count = 0; count < 6; count += 1) terminal.beat();
  for (let count = 0; count < 6; count += 1) await terminal.until('heartbeatAnswer');
  using second = rawTerminal(other.port, t1, 't1');
  second.hello();
  await second.untilEnd();
  await put([other.port], operator, rosterOf('', [])).catch(() => undefined);
  const response = await fetch(`http://127.0.0.1:${other.metricsPort}/metrics`, { headers: { Accept: 'text/plain' } });
  const text = await response.text();
  const lines = text.split('\n');
  const valueOf = (series: string): number => Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length));
  const series = (method: string, code: string): string =>
    `hallkeeper_hall_requests_total{hall="north",member="c",method="${method}",code="${code}"}`;
  expect(valueOf(series('heartbeat', 'OK'))).toBe(6);
  expect(valueOf(series('attach', 'OK'))).toBe(2);
  const attach = 'hallkeeper_hall_request_seconds';
  expect(valueOf(`${attach}_count{hall="north",member="c",method="attach"}`)).toBe(3);
  expect(valueOf(`${attach}_sum{hall="north",member="c",method="attach"}`)).toBeGreaterThan(0);
  expect(valueOf(series('attach', 'ALREADY_EXISTS'))).toBe(1);
  expect(valueOf(series('put_roster', 'INVALID_ARGUMENT'))).toBe(1);
  expect(valueOf(series('history', 'UNAVAILABLE'))).toBe(0);
  expect(valueOf('hallkeeper_ingest_commit_seconds_count{hall="north",member="c"}')).toBeGreaterThan(0);
  const promtool = spawnSync(systemProgram('promtool'), ['check', 'metrics'], { input: text, encoding: 'utf8' });
  expect([promtool.status, promtool.stdout + promtool.stderr]).toEqual([0, '']);
});

test('nothing is sent for an epoch that is over, and a lower epoch is not led', async () => {
  await using view = watch(linkTo([server.port], exporter));
  await eventually('the reader follows', () => view.snapshots.length > 0, { maxMs: waitMaxMs });
  using terminal = rawTerminal(server.port, t1, 't1');
  terminal.hello();
  await terminal.until('welcome');
  server.control({ do: 'follow' });
  await server.untilEvent('following');
  expect((await terminal.until('notPrimary')).epoch).toBe(BigInt(epoch));
  const told = terminal.downs.length;
  terminal.beat();
  server.control({ do: 'lead', epoch: epoch - 1 });
  expect(await server.untilEvent('refused')).toMatchObject({ why: expect.stringContaining(`lower than ${epoch}`) as string });
  server.control('{"do":"dance"}');
  await server.untilEvent('refused');
  expect(terminal.downs.length).toBe(told);
  await eventually('the reader lost the feed', () => view.losses > 0, { maxMs: waitMaxMs });

  epoch += 1;
  server.control({ do: 'lead', epoch });
  await server.untilEvent('leading');
  expect((await terminal.until('welcome')).epoch).toBe(BigInt(epoch));
  // A terminal that followed a higher epoch knows that this server was deposed.
  using wiser = rawTerminal(server.port, await certificates.client(terminalIdentity('t2')), 't2');
  wiser.hello({ highestEpoch: BigInt(epoch) + 3n });
  await wiser.until('notPrimary');
});

test('the end of its standard input ends the server', async () => {
  const other = await startHallProcess(folder.path, 'd', certificates, postgres);
  expect(await other.endInput()).toBe(0);
});
