import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

export const blockReplayKillPostmaster: Scenario = {
  name: 'block-replay-kill-postmaster',
  group: 'postgresql',
  about: 'A reader on the standby holds up the replay when the primary is killed: it is sent away, and the standby takes over.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using owner = await localSession(stage, primary);
    await using reader = await localSession(stage, standby);
    // The standby has flushed what this session commits, so that it must be replayed before the promotion is over.
    await owner.query('SET synchronous_commit = on');
    await owner.query('CREATE TABLE blocking (id int)');
    await stage.until('the standby has the table', async () => {
      return await reader.query('BEGIN; SELECT id FROM blocking').catch(async () => void (await reader.query('ROLLBACK')));
    });
    await owner.query('DROP TABLE blocking');
    await primary.member.killPostgres();
    await stage.takenOver();
    await stage.acknowledged();
    const end = await reader.query('SELECT 1').then(
      () => 'it reads on',
      () => undefined,
    );
    if (end !== undefined) throw new Error(`the reader was not sent away: ${end}`);
  },
};
