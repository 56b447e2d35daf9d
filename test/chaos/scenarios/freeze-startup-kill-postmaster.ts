import type { Scenario } from '../scenario.ts';

export const freezeStartupKillPostmaster: Scenario = {
  name: 'freeze-startup-kill-postmaster',
  group: 'process',
  about:
    "The standby's replay is stopped with SIGSTOP and the primary's postmaster killed: it was said that nobody can take over, the claim gets nowhere, and the old primary takes it back.",
  changes: 2,
  act: async (stage) => {
    const { primary, standby } = stage;
    await stage.freeze(standby, 'startup');
    await stage.blocked(primary, 'StandbyLost');
    await primary.member.killPostgres();
    await stage.takenOver(primary);
    await stage.acknowledgedBy(primary);
  },
};
