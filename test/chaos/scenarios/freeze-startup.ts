import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;
const commitMaxMs = 1_000;

export const freezeStartup: Scenario = {
  name: 'freeze-startup',
  group: 'process',
  about:
    'The process of the standby that replays the log is stopped with SIGSTOP: what is acknowledged is on both disks all the same, so nothing changes but that a failover is said to be impossible.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    await stage.freeze(standby, 'startup');
    const sinceMs = performance.now();
    await stage.keepsLeader(observedMs);
    stage.promptly(primary, sinceMs, commitMaxMs);
    await stage.blocked(primary, 'StandbyLost');
    const { record } = await stage.status(primary);
    if (record?.mode !== 'sync') throw new Error(`the pair left mode sync for ${record?.mode ?? 'nothing'}`);
  },
};
