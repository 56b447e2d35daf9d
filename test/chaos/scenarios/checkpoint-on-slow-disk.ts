import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const tables = 400;
const pace = { pauseMs: 50, openMs: 0 } as const;

export const checkpointOnSlowDisk: Scenario = {
  name: 'checkpoint-on-slow-disk',
  group: 'postgresql',
  about:
    'The standby is syncing a checkpoint on a slow disk when it must take over: its gate opens when the server has seen it, not before.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using owner = await localSession(stage, primary);
    await using own = await localSession(stage, standby);
    // Many files to be synced, and a checkpoint of the primary from which the standby can make one of its own.
    await owner.query(
      `DO $$ BEGIN FOR i IN 1..${tables} LOOP EXECUTE format('CREATE TABLE wide_%s AS SELECT 1 AS id', i); END LOOP; END $$`,
    );
    stage.undo(async () => {
      const { leader } = await stage.inStep();
      await using last = await localSession(stage, stage.pair.machines[leader]);
      await last.query(`DO $$ BEGIN FOR i IN 1..${tables} LOOP EXECUTE format('DROP TABLE IF EXISTS wide_%s', i); END LOOP; END $$`);
    });
    await owner.query('CHECKPOINT');
    const { rows: written } = await owner.query<{ readonly at: string }>('SELECT checkpoint_lsn AS at FROM pg_control_checkpoint()');
    await stage.until('the standby has replayed the checkpoint', async () => {
      const { rows } = await own.query<{ readonly is: boolean }>('SELECT pg_last_wal_replay_lsn() > $1 AS is', [written[0]?.at]);
      return rows[0]?.is;
    });
    const fast = await stage.slow(standby, pace);
    await using syncing = await localSession(stage, standby);
    void syncing.query('CHECKPOINT').catch(() => undefined);
    await stage.until('the standby syncs the files of its checkpoint', async () => {
      const { rows } = await own.query(
        `SELECT 1 FROM pg_stat_activity WHERE backend_type = 'checkpointer' AND wait_event = 'DataFileSync'`,
      );
      return rows.length > 0;
    });
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.takenOver();
    await fast();
    await stage.acknowledged();
  },
};
