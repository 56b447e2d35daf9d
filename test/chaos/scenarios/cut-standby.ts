import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const cutStandby: Scenario = {
  name: 'cut-standby',
  group: 'network',
  about: 'Every packet from and to the standby is dropped: the primary goes on alone, and both say why nobody could take over.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => standby.branch.cut([]));
    await standby.branch.cut([{}]);
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.blocked(standby, 'ArbiterUnreachable');
    await stage.keepsLeader(observedMs);
  },
};
