import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gateName } from './names.ts';
import type { RealPair } from './testing/real-pair.ts';
import { joinSecond, realPair, soon, startFirst, untilStatus } from './testing/real-pair.ts';

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
