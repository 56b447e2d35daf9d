import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const losePacketsToPrimary: Scenario = {
  name: 'lose-packets-to-primary',
  group: 'network',
  about: "The standby's packets to the primary are lost, and everything else arrives: the primary goes on alone.",
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => standby.branch.cut([]));
    await standby.branch.cut([{ way: 'out', from: [primary.branch.ownAddress] }]);
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.keepsLeader(observedMs, standby);
  },
};
