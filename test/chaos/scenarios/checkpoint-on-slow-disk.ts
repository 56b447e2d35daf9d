import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { eventually } from '../../cluster/eventually.ts';
import { waits } from '../../pair/watch-pair.ts';
import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const tables = 400;
const pace = { pauseMs: 50, openMs: 0 } as const;
const lookEveryMs = 10;

/** A statement for each of the tables, `%s` being its number. */
const each = (statement: string): string => `DO $$ BEGIN FOR i IN 1..${tables} LOOP EXECUTE format('${statement}', i); END LOOP; END $$`;

export const checkpointOnSlowDisk: Scenario = {
  name: 'checkpoint-on-slow-disk',
  group: 'postgresql',
  about: 'The standby is at a checkpoint on a slow disk when it must take over: its gate opens when the server has seen it, not before.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using owner = await localSession(stage, primary);
    await using own = await localSession(stage, standby);
    await using checkpointing = await localSession(stage, standby);
    await owner.query(each('CREATE TABLE wide_%s AS SELECT 1 AS id'));
    stage.undo(async () => {
      const { leader } = await stage.inStep();
      await using last = await localSession(stage, stage.pair.machines[leader]);
      await last.query(each('DROP TABLE IF EXISTS wide_%s'));
    });
    const fast = await stage.slow(standby, pace);
    // The disk may let a whole checkpoint through between two pauses: then there is another.
    await stage.until('the standby is seen at its checkpoint', async () => {
      await owner.query(each('UPDATE wide_%s SET id = id + 1'));
      await replayedCheckpoint(owner, own);
      return await seenAtCheckpoint(own, checkpointing);
    });
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.takenOver();
    await fast();
    await stage.acknowledged();
  },
};

/** A standby makes a checkpoint of its own only from one of the primary that it has replayed. */
async function replayedCheckpoint(owner: Pick<Client, 'query'>, own: Pick<Client, 'query'>): Promise<void> {
  await owner.query('CHECKPOINT');
  const { rows } = await owner.query<{ readonly at: string }>('SELECT pg_current_wal_insert_lsn() AS at');
  const replayed = async (): Promise<boolean | undefined> =>
    (await own.query<{ readonly is: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1 AS is', [rows[0]?.at])).rows[0]?.is;
  await eventually('the standby has replayed the checkpoint', replayed, waits);
}

/** Whether the checkpointer was seen waiting for the disk before its checkpoint was over. */
async function seenAtCheckpoint(own: Pick<Client, 'query'>, checkpointing: Pick<Client, 'query'>): Promise<boolean> {
  const over = new AbortController();
  const end = (): void => over.abort();
  checkpointing.query('CHECKPOINT').then(end, end);
  while (!over.signal.aborted) {
    const { rows } = await own.query(`SELECT 1 FROM pg_stat_activity WHERE backend_type = 'checkpointer' AND wait_event_type = 'IO'`);
    if (rows.length > 0) return true;
    await sleep(lookEveryMs);
  }
  return false;
}
