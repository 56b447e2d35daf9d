import type { Scenario } from '../scenario.ts';

export const killPostmasterCutFromArbiter: Scenario = {
  name: 'kill-postmaster-cut-from-arbiter',
  group: 'network',
  about: 'The primary alone has lost the arbiter when its postmaster is killed: the standby reaches the arbiter, and that is enough.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    stage.undo(() => primary.branch.cut([]));
    await primary.branch.cut([{ from: [stage.arbiterAddress] }]);
    await stage.until('the primary misses the arbiter', async () => !(await stage.status(primary)).arbiterReached);
    await primary.member.killPostgres();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
