import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const cutMembersApart: Scenario = {
  name: 'cut-members-apart',
  group: 'network',
  about: 'The members lose each other and both reach the arbiter: the healthy primary is the one that wins, and goes on alone.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => primary.branch.cut([]));
    await primary.branch.cut([{ from: [standby.branch.ownAddress] }]);
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.keepsLeader(observedMs, standby);
  },
};
