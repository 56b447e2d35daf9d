import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;

export const freezePrimaryDisk: Scenario = {
  name: 'freeze-primary-disk',
  group: 'storage',
  about: "The primary's disk hangs while its kernel and its agent live: the standby takes over.",
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.disk.thaw());
    await stage.primaryFails(() => primary.disk.freeze());
    await stage.takenOver();
    await stage.acknowledged();
    await stage.acknowledgesNothing(primary, observedMs);
    await primary.disk.thaw();
    await stage.acknowledgesNothing(primary, observedMs);
  },
};
