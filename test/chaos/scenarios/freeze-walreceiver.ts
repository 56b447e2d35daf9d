import type { Scenario } from '../scenario.ts';

const observedMs = 4_000;
const commitMaxMs = 1_000;

export const freezeWalreceiver: Scenario = {
  name: 'freeze-walreceiver',
  group: 'process',
  about: 'The process of the standby that receives the log is stopped with SIGSTOP: the primary goes on alone, and keeps the lead.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    await stage.freeze(standby, 'walreceiver');
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    const sinceMs = performance.now();
    await stage.keepsLeader(observedMs);
    stage.promptly(primary, sinceMs, commitMaxMs);
  },
};
