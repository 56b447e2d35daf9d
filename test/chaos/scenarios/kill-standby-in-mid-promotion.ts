import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** Holds the standby's promotion up by stopping its replay, and kills everything of it then. */
async function killInMidPromotion(stage: Stage): Promise<void> {
  const { primary, standby } = stage;
  await stage.freeze(standby, 'startup');
  await primary.member.killPostgres();
  await stage.logged(standby, /"operation":"promote".*operation begins/);
  await standby.member.killMember();
}

export const killStandbyInMidPromotion: Scenario = {
  name: 'kill-standby-in-mid-promotion',
  group: 'sequences',
  about: 'The primary dies, and the standby while it is being promoted: nothing was opened, so the old primary takes the claim back.',
  changes: 2,
  everyChange: true,
  act: async (stage) => {
    await killInMidPromotion(stage);
    await stage.takenOver(stage.primary);
    await stage.acknowledgedBy(stage.primary);
  },
};

export const restartStandbyInMidPromotion: Scenario = {
  name: 'restart-standby-in-mid-promotion',
  group: 'sequences',
  about: 'The same, and the standby is back at once: it goes on with its claim, or the old primary has taken it back.',
  changes: 'any',
  act: async (stage) => {
    await killInMidPromotion(stage);
    await stage.standby.member.startAgent();
    await stage.acknowledged();
  },
};
