import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

/** A reader may hold up the replay for 100 ms; without that limit of ours for half a minute. */
const promoteMaxMs = 5_000;

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
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.takenOver();
    await stage.acknowledged();
    const end = await reader.query('SELECT 1').then(
      () => 'it reads on',
      () => undefined,
    );
    const { promote } = (await stage.takeover()).phasesMs;
    if (promote > promoteMaxMs) throw new Error(`the reader held up the promotion for ${promote} ms`);
    if (end !== undefined) throw new Error(`the reader was not sent away: ${end}`);
  },
};
