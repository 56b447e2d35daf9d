import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const deafStandby: Scenario = {
  name: 'deaf-standby',
  group: 'network',
  about: 'Whatever is sent to the standby is lost, and whatever it sends arrives: it claims nothing, and the primary goes on alone.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => standby.branch.cut([]));
    await standby.branch.cut([{ way: 'in' }]);
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.keepsLeader(observedMs);
  },
};
