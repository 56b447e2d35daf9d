import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const freezeStandbyDisk: Scenario = {
  name: 'freeze-standby-disk',
  group: 'storage',
  about: "The standby's disk hangs while its kernel and its agent live: the primary goes on alone.",
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => standby.disk.thaw());
    await standby.disk.freeze();
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.keepsLeader(observedMs);
  },
};
