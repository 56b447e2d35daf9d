import type { Scenario } from '../scenario.ts';

export const cutPrimary: Scenario = {
  name: 'cut-primary',
  group: 'network',
  about: 'Every packet from and to the primary is dropped; it comes back after the standby has taken over.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    stage.undo(() => stage.primary.branch.cut([]));
    await stage.primaryFails(() => stage.primary.branch.cut([{}]));
    await stage.takenOver();
    await stage.acknowledged();
  },
};
