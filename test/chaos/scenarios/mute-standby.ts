import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const muteStandby: Scenario = {
  name: 'mute-standby',
  group: 'network',
  about: 'Whatever the standby sends is lost, and whatever is sent to it arrives: the primary goes on alone.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => standby.branch.cut([]));
    await standby.branch.cut([{ way: 'out' }]);
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.keepsLeader(observedMs);
  },
};
