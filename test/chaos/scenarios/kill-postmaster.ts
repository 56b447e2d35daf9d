import type { Scenario } from '../scenario.ts';

export const killPostmaster: Scenario = {
  name: 'kill-postmaster',
  group: 'process',
  about: "The primary's postmaster is killed with SIGKILL.",
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    await stage.primaryFails(() => stage.primary.member.killPostgres());
    await stage.takenOver();
  },
};
