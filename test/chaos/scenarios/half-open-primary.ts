import type { Scenario } from '../scenario.ts';

export const halfOpenPrimary: Scenario = {
  name: 'half-open-primary',
  group: 'network',
  about: 'The primary falls silent and dies behind the cut, so that no end of any connection ever reaches the standby.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.branch.cut([]));
    await stage.primaryFails(() => primary.branch.cut([{}]));
    await primary.member.killMember();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
