import type { Scenario } from '../scenario.ts';

export const deafPrimary: Scenario = {
  name: 'deaf-primary',
  group: 'network',
  about: 'Whatever is sent to the primary is lost, and whatever it sends arrives: no answer reaches it, and the standby takes over.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.branch.cut([]));
    await stage.primaryFails(() => primary.branch.cut([{ way: 'in' }]));
    await stage.takenOver();
    await stage.acknowledged();
  },
};
