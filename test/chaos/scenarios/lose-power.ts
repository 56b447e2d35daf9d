import type { Scenario } from '../scenario.ts';

export const losePrimaryPower: Scenario = {
  name: 'lose-primary-power',
  group: 'storage',
  about: 'The primary loses its power, and with it everything that was not flushed: the standby takes over, and the old primary rejoins.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    await stage.primaryFails(() => stage.losesPower(primary));
    await stage.takenOver();
    await stage.acknowledged();
    await primary.member.startAgent();
  },
};

export const loseStandbyPower: Scenario = {
  name: 'lose-standby-power',
  group: 'storage',
  about:
    'The standby loses its power, and with it everything that was not flushed: the primary goes on alone, and the standby comes back into step.',
  changes: 0,
  act: async (stage) => {
    const { standby } = stage;
    await stage.losesPower(standby);
    await stage.leadsAlone();
    await stage.acknowledged();
    await standby.member.startAgent();
  },
};
