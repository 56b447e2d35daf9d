import { chown, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { peerConnection } from './configuration.ts';
import { decideRejoin, lastShared } from './decide-rejoin.ts';
import type { PostgresInstance } from './instance.ts';
import { applicationNameOf } from './names.ts';
import { openInstance } from './open-instance.ts';
import { pathsOf } from './paths.ts';
import { runProgram } from './program.ts';
import type { RealPair } from './testing/real-pair.ts';
import { joinedPair, runDoomedAgent, soon, testPorts, untilStatus } from './testing/real-pair.ts';
import { spoilLog } from './testing/spoil-log.ts';

const slotOfA = applicationNameOf('a');

// One story in order: b takes over from a, and a comes back by pg_rewind; then a copy is killed, and one succeeds.
describe('coming back as a standby', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await joinedPair();
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  test('a standby that stopped in order may stream again', async () => {
    const { a, b } = pair;
    await b.stop(soon());
    const mine = await b.stoppedLineage(soon());
    await useLine(a, 'test', (line) => a.commitLocal(line, soon()));
    const source = await onPeer(b);
    expect(source.endLsn).toBeGreaterThan(mine.endLsn);
    expect(decideRejoin(mine, source).do).toBe('stream');
    await b.start({ as: 'standby', follow: true }, soon());
    await b.waitReady(soon());
    await streaming(a);
  });

  test('a standby that was killed may stream again: its end is read from the log itself', async () => {
    const { a, b } = pair;
    const lsn = await useLine(a, 'test', (line) => a.commitLocal(line, soon()));
    await useLine(b, 'test', (line) => untilStatus(b, line, ({ flushLsn }) => (flushLsn ?? 0n) >= lsn));
    await b.killAll(soon());
    const mine = await b.stoppedLineage(soon());
    expect(mine.endLsn).toBeGreaterThanOrEqual(lsn);
    const decision = decideRejoin(mine, await onPeer(b));
    expect(decision.do).toBe('stream');
    // Other bytes before that end, here as after a recovery that ended early, are told; then they are put back.
    const shared = lastShared(decision, mine) ?? { timeline: 0, lsn: 0n };
    const shares = (): Promise<boolean> => useReplicationLine(b, (line) => b.sharesLog(line, shared, soon()));
    expect(await shares()).toBe(true);
    const putBack = await spoilLog(pair.settingsOf('b').dataDirectory, { ...shared, lsn: shared.lsn - 8n });
    expect(await shares()).toBe(false);
    await putBack();
    expect(await shares()).toBe(true);
    await b.start({ as: 'standby', follow: true }, soon());
    await b.waitReady(soon());
    await streaming(a);
  });

  test('a deposed primary with commits of its own is rewound and streams from the new one', async () => {
    const { a, b } = pair;
    await useLine(b, 'control', async (line) => {
      await b.fence(line, 5_000, soon());
      await useLine(a, 'test', (other) => other.query('CREATE TABLE only_here AS SELECT generate_series(1, 1000)', [], soon()));
      await a.killAll(soon());
      await b.promote(line, soon());
      await b.setGate('none', soon());
      await line.query('CREATE TABLE after_take_over AS SELECT 1', [], soon());
    });
    const mine = await a.stoppedLineage(soon());
    const source = await onPeer(a);
    expect([mine.timeline, source.timeline]).toEqual([1, 2]);
    expect(decideRejoin(mine, source)).toMatchObject({ do: 'rewind', forkTimeline: 1, forkLsn: source.switches[0]?.endLsn });
    expect(await a.rewind(soon())).toEqual({ did: 'rewound' });
    expect(await a.readProof()).toBeUndefined();
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(b);
    await useLine(a, 'test', async (line) => {
      const status = await untilStatus(a, line, ({ timeline }) => timeline === 2);
      expect(status.inRecovery).toBe(true);
      const { rows } = await line.query(`SELECT to_regclass('only_here') AS mine, to_regclass('after_take_over') AS theirs`, [], soon());
      expect(rows).toEqual([{ mine: null, theirs: 'after_take_over' }]);
      await a.ensurePeerSlot(line, soon());
    });
    expect(await readFile(join(pair.settingsOf('a').dataDirectory, 'postgresql.auto.conf'), 'utf8')).toBe('');
  });

  test('two timelines that one promotion began have the same start, and two promotions differ in it', async () => {
    const { a, b } = pair;
    await a.stop(soon());
    const mine = await a.stoppedLineage(soon());
    const source = await onPeer(a);
    expect(mine.start).toMatch(/^[0-9a-f]{64}$/);
    expect(mine.start).toBe(source.start);
    expect(decideRejoin(mine, source).do).toBe('stream');
    expect((await useLine(b, 'test', (line) => b.runningLineage(line, soon()))).start).toBe(source.start);
  });

  test('a copy that is killed half-way leaves no data directory, and what it left is cleared by the next', async () => {
    const { a } = pair;
    const home = join(pair.folder.path, 'a');
    await a.writeProof({ systemIdentifier: '1', timeline: 1 });
    await useLine(pair.b, 'test', (line) =>
      line.query(`CREATE TABLE large AS SELECT repeat('x', 900) FROM generate_series(1, 60000)`, [], soon()),
    );
    await untilSlot(pair.b, slotOfA, false);
    const kill = new AbortController();
    const reported: number[] = [];
    const copying = a.copy(
      ({ percent }) => {
        reported.push(percent);
        kill.abort(new Error('killed by the test'));
      },
      AbortSignal.any([kill.signal, soon()]),
    );
    await expect(copying).rejects.toThrow('killed by the test');
    expect(reported.length).toBeGreaterThan(0);
    expect(await a.inspectData(soon())).toEqual({ holds: 'nothing' });
    expect(await a.readProof()).toBeUndefined();
    await expect(a.start({ as: 'standby', follow: true }, soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_DATA' });
    await writeFile(join(home, 'data-of-somebody-else'), '');
    const percents: number[] = [];
    await untilDone(() => a.copy(({ percent }) => void percents.push(percent), soon()));
    expect(percents.at(-1)).toBe(100);
    expect(percents).toEqual(percents.toSorted((one, other) => one - other));
    expect((await readdir(home)).toSorted()).toEqual(['data', 'data-of-somebody-else', 'state']);
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(pair.b);
  });

  test('files that PostgreSQL has laid out ahead hide no end of the log, wherever the directory lists them', async () => {
    const { a } = pair;
    await a.stop(soon());
    const { endLsn, timeline } = await a.stoppedLineage(soon());
    const log = join(pair.settingsOf('a').dataDirectory, 'pg_wal');
    const before = await readdir(log);
    // Whatever order the file system has, one of these comes before the files that were written.
    for (let ahead = 0xf0; ahead < 0x100; ahead += 1) {
      const name = `${timeline.toString(16).padStart(8, '0')}00000000000000${ahead.toString(16)}`.toUpperCase();
      await writeFile(join(log, name), new Uint8Array(16 * 1024 * 1024));
    }
    expect((await a.stoppedLineage(soon())).endLsn).toBe(endLsn);
    for (const name of await readdir(log)) if (!before.includes(name)) await rm(join(log, name));
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(pair.b);
  });

  test('a standby that was away for longer than the log is kept is copied: streaming would fail for ever', async () => {
    const { a, b } = pair;
    await a.stop(soon());
    const mine = await a.stoppedLineage(soon());
    expect(decideRejoin(mine, await onPeer(a)).do).toBe('stream');
    await useLine(b, 'test', async (line) => {
      await line.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active', [], soon());
      // Each round begins a segment, and the checkpoint after the next one lets go of it.
      let does = 'stream';
      for (let round = 0; round < 50 && does === 'stream'; round += 1) {
        await line.query(`SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, 'test', 'x')) AS written`, [], soon());
        await line.query('CHECKPOINT', [], soon());
        does = decideRejoin(mine, await onPeer(a)).do;
      }
      expect(does).toBe('copy');
    });
    await useLine(b, 'test', (line) => b.ensurePeerSlot(line, soon()));
    await untilDone(() => a.copy(() => undefined, soon()));
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(b);
  });

  test('a copy whose agent was killed is cleared away with its processes, and the next one completes', async () => {
    const { a } = pair;
    await a.killAll(soon());
    await untilSlot(pair.b, slotOfA, false);
    await runDoomedAgent(pair, 'a', 'copy');
    expect(await a.inspectData(soon())).toEqual({ holds: 'nothing' });
    await untilDone(() => a.copy(() => undefined, soon()));
    expect((await readdir(join(pair.folder.path, 'a'))).filter((name) => name.includes('unfinished'))).toEqual([]);
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(pair.b);
  });

  test('what ALTER SYSTEM wrote at the peer comes along with a copy and has no effect', async () => {
    const { a, b } = pair;
    await useLine(b, 'test', (line) => line.query(`ALTER SYSTEM SET synchronous_standby_names = ''`, [], soon()));
    await a.killAll(soon());
    await untilDone(() => a.copy(() => undefined, soon()));
    await writeFile(join(pair.settingsOf('a').dataDirectory, 'postgresql.auto.conf'), `synchronous_standby_names = ''\n`);
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    const status = await useLine(a, 'test', (line) => a.status(line, soon()));
    expect(status.synchronousStandbyNames).toBe('"hallkeeper_gate"');
  });

  test('a primary with tablespaces is not copied, and nothing is deleted for it', async () => {
    const { a, b } = pair;
    // Both members share this machine: they could not share its place.
    await a.stop(soon());
    await useLine(b, 'test', async (line) => {
      await line.query('SET allow_in_place_tablespaces = on', [], soon());
      await line.query(`CREATE TABLESPACE away LOCATION ''`, [], soon());
    });
    await expect(a.copy(() => undefined, soon())).rejects.toMatchObject({
      code: 'HK_POSTGRES_DATA',
      message: expect.stringContaining('(away)') as string,
    });
    expect(await a.inspectData(soon())).toMatchObject({ holds: 'cluster' });
    await useLine(b, 'test', (line) => line.query('DROP TABLESPACE away', [], soon()));
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(b);
  });

  test('a primary that cannot be asked, or whose slot is held or gone, is not copied, and nothing is deleted for it', async () => {
    const { a, b } = pair;
    await a.stop(soon());
    const settings = pair.settingsOf('a');
    const proof = { systemIdentifier: '7', timeline: 1 };
    await a.writeProof(proof);
    const refuses = async (instance: PostgresInstance, says: RegExp): Promise<void> => {
      const refusal: unknown = await instance.copy(() => undefined, soon()).catch((error: unknown) => error);
      expect(codeOf(refusal)).toBe('HK_POSTGRES_UNREACHABLE');
      expect(messageOf(refusal)).toMatch(says);
      expect(await a.inspectData(soon())).toMatchObject({ holds: 'cluster' });
      expect(await a.readProof()).toEqual(proof);
    };
    const astray = openInstance({ ...settings, peer: { ...settings.peer, port: 1 } }, testPorts);
    await refuses(astray, /ECONNREFUSED/);
    await astray.close();
    const receiver = await receiveLog(pair, slotOfA);
    await untilSlot(b, slotOfA, true);
    await refuses(a, /still held by its process \d+/);
    await receiver.stop();
    await untilSlot(b, slotOfA, false);
    await useLine(b, 'test', (line) => line.query('SELECT pg_drop_replication_slot($1)', [slotOfA], soon()));
    await refuses(a, /has no slot/);
    await useLine(b, 'test', (line) => b.ensurePeerSlot(line, soon()));
    await a.removeProof();
    await untilDone(() => a.copy(() => undefined, soon()));
    await a.start({ as: 'standby', follow: true }, soon());
    await a.waitReady(soon());
    await streaming(b);
  });

  test('an unused slot of a standby follows its restartpoints', async () => {
    const { a, b } = pair;
    await useLine(a, 'test', async (line) => {
      await a.ensurePeerSlot(line, soon());
      const before = (await a.status(line, soon())).slots[0]?.restartLsn ?? 0n;
      await useLine(b, 'test', (other) => other.query('SELECT pg_switch_wal(); CHECKPOINT', [], soon()));
      const checkpoint = await useLine(b, 'test', (other) => b.status(other, soon()));
      await untilStatus(a, line, ({ replayLsn }) => (replayLsn ?? 0n) > checkpoint.redoLsn);
      await line.query('CHECKPOINT', [], soon());
      await a.advancePeerSlot(line, soon());
      const after = await a.status(line, soon());
      expect(after.slots[0]?.restartLsn).toBeGreaterThan(before);
      expect(after.slots[0]?.restartLsn).toBeLessThanOrEqual(after.redoLsn);
    });
  });
});

/** Another program that reads the log from the primary through this member's slot, as a walsender that was not missed yet does. */
async function receiveLog(pair: RealPair, slot: string): Promise<{ stop(): Promise<void> }> {
  const settings = pair.settingsOf('a');
  const { account, binaryDirectory } = settings;
  const directory = join(pair.folder.path, 'received');
  await mkdir(directory);
  if (account !== undefined) await chown(directory, account.uid, account.gid);
  const connection = peerConnection(settings, pathsOf(settings), { applicationName: 'test', patience: 'bulk' });
  const args = ['-D', directory, '-d', connection, '-S', slot, '--no-password'];
  const ended = new AbortController();
  const running = runProgram({ file: join(binaryDirectory, 'pg_receivewal'), args, directory, account }, ended.signal).catch(
    () => undefined,
  );
  return {
    stop: async () => {
      ended.abort();
      await running;
    },
  };
}

async function untilSlot(primary: PostgresInstance, slot: string, held: boolean): Promise<void> {
  await useLine(primary, 'test', (line) =>
    eventually(
      `the slot is ${held ? 'held' : 'free'}`,
      async () => {
        const { rows } = await line.query('SELECT active::text FROM pg_replication_slots WHERE slot_name = $1', [slot], soon());
        return rows[0]?.['active'] === String(held);
      },
      { maxMs: 60_000 },
    ),
  );
}

const tryAgain: readonly string[] = ['HK_POSTGRES_PROGRAM', 'HK_POSTGRES_UNREACHABLE'];

/** The peer may still hold the slot for a connection that just broke; the caller tries again, as the agent does. */
async function untilDone(work: () => Promise<void>): Promise<void> {
  const signal = soon();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !tryAgain.includes(codeOf(error) ?? '')) throw error;
      await systemClock.sleep(200, signal);
    }
  }
}

async function useLine<T>(
  instance: PostgresInstance,
  purpose: string,
  work: (line: ReturnType<PostgresInstance['openLine']>) => Promise<T>,
): Promise<T> {
  const line = instance.openLine(purpose);
  try {
    return await work(line);
  } finally {
    await line.close();
  }
}

async function useReplicationLine<T>(
  instance: PostgresInstance,
  work: (line: ReturnType<PostgresInstance['openLine']>) => Promise<T>,
): Promise<T> {
  const line = instance.openReplicationLine('lineage');
  try {
    return await work(line);
  } finally {
    await line.close();
  }
}

async function onPeer(instance: PostgresInstance): ReturnType<PostgresInstance['runningLineage']> {
  return await useReplicationLine(instance, (line) => instance.runningLineage(line, soon()));
}

async function streaming(primary: PostgresInstance): Promise<void> {
  await useLine(primary, 'test', (line) => untilStatus(primary, line, ({ peers }) => peers.some(({ state }) => state === 'streaming')));
}
