import type { Scenario } from '../scenario.ts';

const aloneMs = 2_000;

export const freezePrimary: Scenario = {
  name: 'freeze-primary',
  group: 'process',
  about:
    'Agent and PostgreSQL of the primary are stopped with SIGSTOP; after the take-over PostgreSQL goes on two seconds before its agent, and must acknowledge nothing.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.member.signalMember('SIGCONT'));
    await stage.primaryFails(() => primary.member.signalMember('SIGSTOP'));
    await stage.takenOver();
    await stage.acknowledged();
    await primary.member.signalPostgres('SIGCONT');
    await stage.acknowledgesNothing(primary, aloneMs);
  },
};
