import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const halfOpenStandby: Scenario = {
  name: 'half-open-standby',
  group: 'network',
  about: 'The standby falls silent and dies behind the cut, so that no end of any connection ever reaches the primary.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => standby.branch.cut([]));
    await standby.branch.cut([{}]);
    await standby.member.killMember();
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.keepsLeader(observedMs);
  },
};
