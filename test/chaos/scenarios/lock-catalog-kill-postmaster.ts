import { ownDatabase } from '#lib/postgres/instance.ts';
import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

export const lockCatalogKillPostmaster: Scenario = {
  name: 'lock-catalog-kill-postmaster',
  group: 'postgresql',
  about:
    'A session of the primary has catalogs locked when the primary is killed: replay on the standby holds the lock, no statement is answered there, and the standby takes over all the same.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    // Catalogs belong to one database each: this is where the agent's own lines stand.
    await using holder = await localSession(stage, primary, ownDatabase);
    await using other = await localSession(stage, primary, ownDatabase);
    const commit = `SELECT pg_logical_emit_message(true, 'chaos', '')`;
    // Both know by then whatever they would have to look up behind the lock.
    await other.query('SET synchronous_commit = remote_apply');
    await other.query(commit);
    await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_proc, pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE');
    // Returns when the standby has replayed up to here, and so has taken the lock.
    await other.query(commit);
    await stage.primaryFails(async () => {
      // All of it at once: a session that outlives its postmaster for a moment tells the standby that it lets go.
      await primary.member.signalPostgres('SIGSTOP');
      await primary.member.signalPostgres('SIGKILL');
    });
    await stage.takenOver();
    await stage.logged(stage.standby, 'answers no statement');
    await stage.acknowledged();
  },
};
