import type { Scenario } from '../scenario.ts';

const observedMs = 4_000;

export const cutPrimaryFromArbiter: Scenario = {
  name: 'cut-primary-from-arbiter',
  group: 'network',
  about: 'The primary alone loses the arbiter: it serves on through its standby, which could take over as before.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => primary.branch.cut([]));
    await primary.branch.cut([{ from: [stage.arbiterAddress] }]);
    await stage.until('the primary misses the arbiter', async () => !(await stage.status(primary)).arbiterReached);
    await stage.keepsLeader(observedMs, standby);
    await stage.acknowledged();
    // The standby reaches it, and that is what a failover needs.
    await stage.blocked(primary, undefined);
    await stage.blocked(standby, undefined);
  },
};
