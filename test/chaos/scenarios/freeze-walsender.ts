import type { Scenario } from '../scenario.ts';

const observedMs = 4_000;
/** Attempts to wait for the standby again must not make clients wait: no commit may take longer once the primary leads alone. */
const commitMaxMs = 1_000;

export const freezeWalsender: Scenario = {
  name: 'freeze-walsender',
  group: 'process',
  about: 'The process of the primary that sends the log is stopped with SIGSTOP: the primary goes on alone, and keeps the lead.',
  changes: 0,
  act: async (stage) => {
    const { primary } = stage;
    await stage.freeze(primary, 'walsender');
    await stage.leadsAlone();
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    const sinceMs = performance.now();
    await stage.keepsLeader(observedMs);
    stage.promptly(primary, sinceMs, commitMaxMs);
  },
};
