import type { Scenario } from '../scenario.ts';

export const mutePrimary: Scenario = {
  name: 'mute-primary',
  group: 'network',
  about: 'Whatever the primary sends is lost, and whatever is sent to it arrives: the standby takes over.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.branch.cut([]));
    await stage.primaryFails(() => primary.branch.cut([{ way: 'out' }]));
    await stage.takenOver();
    await stage.acknowledged();
  },
};
