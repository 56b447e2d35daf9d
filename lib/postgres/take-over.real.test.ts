import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { within } from '#lib/base/deadline.ts';
import { gateName } from './names.ts';
import { titlesOfChildren } from './process-table.ts';
import { mayReceive } from './take-over.ts';
import type { RealPair } from './testing/real-pair.ts';
import { joinSecond, joinedPair, realPair, soon, startFirst, untilStatus } from './testing/real-pair.ts';

// One story in order: two empty members become a pair, and the standby takes over behind its gate. Each test goes on where the last ended.
describe('a pair from empty directories to a take-over', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await realPair();
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  test('the first member starts from an empty directory and serves alone', async () => {
    expect(await pair.a.inspectData(soon())).toEqual({ holds: 'nothing' });
    await startFirst(pair);
    const line = pair.a.openLine('test');
    const status = await pair.a.status(line, soon());
    expect(status).toMatchObject({ inRecovery: false, timeline: 1, synchronousStandbyNames: '', peers: [] });
    expect(status.slots.map(({ name }) => name)).toEqual(['hallkeeper_member_b']);
    expect(await pair.a.commitSynchronous(line, soon())).toBeGreaterThan(0n);
    await pair.a.bootstrap(soon());
  });

  test('the second member is copied over TLS and streams', async () => {
    await joinSecond(pair);
    const line = pair.b.openLine('test');
    const standby = await untilStatus(pair.b, line, ({ receiver }) => receiver?.status === 'streaming');
    expect(standby).toMatchObject({ inRecovery: true, timeline: 1, synchronousStandbyNames: `"${gateName}"` });
    expect(standby.receiver?.lastMessageAgeMs).toBeTypeOf('number');
    const primary = await pair.a.status(pair.a.openLine('test'), soon());
    expect(primary.peers.map(({ applicationName, syncState }) => [applicationName, syncState])).toEqual([['hallkeeper_member_b', 'async']]);
    expect((await pair.b.configured())?.gate).toBe('closed');
  });

  test('a standby that was started anew and receives nothing yet says how far its log reaches', async () => {
    const { a, b } = pair;
    const lsn = await a.commitSynchronous(a.openLine('test'), soon());
    const line = b.openLine('test');
    await untilStatus(b, line, ({ flushLsn }) => flushLsn !== undefined && flushLsn >= lsn);
    await b.killAll(soon());
    await b.start({ as: 'standby', follow: false }, soon());
    await b.waitReady(soon());
    const alone = await untilStatus(b, line, ({ replayLsn }) => replayLsn !== undefined && replayLsn >= lsn);
    expect(alone.receiver).toBeUndefined();
    expect(alone.flushLsn).toBe(alone.replayLsn);
    await b.setFollow(true, soon());
    const again = await untilStatus(b, line, ({ receiver }) => receiver?.status === 'streaming');
    expect(again.flushLsn).toBeGreaterThanOrEqual(lsn);
  });

  test('with the gate at the peer a commit waits for its flush', async () => {
    const line = pair.a.openLine('test');
    await pair.a.setGate('peer', soon());
    const lsn = await pair.a.commitSynchronous(line, soon());
    const status = await pair.a.status(line, soon());
    expect(status.peers[0]?.syncState).toBe('sync');
    expect(status.peers[0]?.flushLsn).toBeGreaterThanOrEqual(lsn);
  });

  test('the remote canary commits over TLS, and the standby answers nobody as a primary', async () => {
    expect(await pair.b.commitLocal(pair.b.openPeerLine('remote_canary'), soon())).toBeGreaterThan(0n);
    await expect(pair.a.commitLocal(pair.a.openPeerLine('remote_canary'), soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_SQL' });
  });

  test('behind the closed gate a commit waits, seen by another session, and a healthy peer does not release it', async () => {
    await pair.a.setGate('closed', soon());
    const watching = pair.a.openLine('watching');
    expect(await pair.a.provesClosed(pair.a.openLine('waiting'), watching, soon())).toBe(true);
    await pair.a.commitLocal(watching, soon());
    await pair.a.setGate('none', soon());
    await pair.a.commitSynchronous(pair.a.openLine('client'), soon());
    expect(await pair.a.provesClosed(pair.a.openLine('waiting'), watching, soon())).toBe(false);
  });

  test('a promoted standby acknowledges nothing until its gate is opened, and then does, whatever a person wrote into its postgresql.auto.conf', async () => {
    await pair.a.killAll(soon());
    const { b } = pair;
    const byHand = join(pair.settingsOf('b').dataDirectory, 'postgresql.auto.conf');
    await writeFile(byHand, `# by hand\nsynchronous_standby_names = ''\n`);
    const line = b.openLine('control');
    expect(await b.fence(line, 1_000, soon())).toBe(true);
    await b.promote(line, soon());
    const promoted = await b.status(line, soon());
    expect(promoted).toMatchObject({ inRecovery: false, timeline: 2, synchronousStandbyNames: `"${gateName}"` });
    await b.commitLocal(line, soon());
    expect(await b.provesClosed(b.openLine('waiting'), line, soon())).toBe(true);
    const client = b.openLine('client');
    let acknowledged = false;
    const commit = b.commitSynchronous(client, soon()).then(() => (acknowledged = true));
    await untilWaiting(pair, 'hallkeeper_agent_client');
    expect(acknowledged).toBe(false);
    await b.setGate('none', soon());
    await commit;
    expect(acknowledged).toBe(true);
    expect(await readFile(byHand, 'utf8')).toBe('');
  });
});

// A session of the primary had a catalog locked when it died; replay holds such a lock until recovery ends, so that no statement can be answered.
describe('a take-over behind a lock on a catalog that the dead primary held', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await joinedPair();
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  test('the fence sees in the process table that nothing is received any more, and the promotion needs no session', async () => {
    const { a, b } = pair;
    const control = b.openLine('control');
    await b.status(control, soon());
    await lockCatalog(pair);
    // The primary lives, so that only the fence ends the stream.
    expect(await b.fence(control, 100, soon())).toBe(true);
    const { pid } = (await b.reattach(soon())) ?? { pid: 0 };
    const titles = await titlesOfChildren(pid);
    expect(titles).toContainEqual(expect.stringContaining('startup'));
    expect(titles.filter(mayReceive)).toEqual([]);
    await expect(b.status(b.openLine('locked'), within(500, 'a statement behind the lock'))).rejects.toThrow('behind the lock');
    await a.killAll(soon());
    await b.promote(control, soon());
    expect(await b.status(control, soon())).toMatchObject({ inRecovery: false, timeline: 2, synchronousStandbyNames: `"${gateName}"` });
  });
});

test('a child of the postmaster may receive when it says so, or when it has no title yet', () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['postgres: walreceiver streaming 0/5000148', true],
    ['postgres: main: walreceiver ', true],
    ['/usr/lib/postgresql/15/bin/postgres -D /data', true],
    ['', true],
    ['postgres: startup recovering 000000010000000000000005', false],
    ['postgres: walwriter', false],
    ['postgres: app_owner app 10.0.0.1(1234) idle', false],
  ];
  for (const [title, may] of rows) expect([title, mayReceive(title)]).toEqual([title, may]);
});

/** Returns when replay on the standby has taken the lock; the session that has it on the primary stays. */
async function lockCatalog({ a }: RealPair): Promise<void> {
  await a.setGate('peer', soon());
  const [holder, commits] = [a.openLine('holder'), a.openLine('commits')];
  const commit = `SELECT pg_logical_emit_message(true, 'test', '')`;
  await commits.query(`SET synchronous_commit = remote_apply; ${commit}`, [], soon());
  await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_proc, pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE', [], soon());
  await commits.query(commit, [], soon());
}

async function untilWaiting({ b }: RealPair, applicationName: string): Promise<void> {
  const line = b.openLine('looking');
  for (;;) {
    const { rows } = await line.query(
      'SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event = $2',
      [applicationName, 'SyncRep'],
      soon(),
    );
    if (rows.length > 0) return;
  }
}
