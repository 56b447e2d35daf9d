import type { Scenario } from '../scenario.ts';

export const freezePostgresql: Scenario = {
  name: 'freeze-postgresql',
  group: 'process',
  about: "The primary's PostgreSQL is stopped with SIGSTOP while its agent lives.",
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.member.signalPostgres('SIGCONT'));
    await stage.primaryFails(() => primary.member.signalPostgres('SIGSTOP'));
    await stage.takenOver();
    await stage.acknowledged();
  },
};
