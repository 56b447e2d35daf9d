import { rm } from 'node:fs/promises';
import type { Scenario } from '../scenario.ts';

export const deleteStandbyData: Scenario = {
  name: 'delete-standby-data',
  group: 'storage',
  about: 'The data directory of the running standby is deleted: it is copied anew.',
  changes: 0,
  act: async (stage) => {
    const { standby } = stage;
    await rm(standby.member.dataDirectory, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
    await stage.logged(standby, /"does":"copy"/);
    await stage.acknowledged();
  },
};

export const deleteStandbyDataKillPostmaster: Scenario = {
  name: 'delete-standby-data-kill-postmaster',
  group: 'storage',
  about:
    'The primary is killed, and the data directory of the standby deleted while it is being promoted: what cannot be promoted is deposed.',
  changes: 2,
  act: async (stage) => {
    const { primary, standby } = stage;
    const goOn = await stage.freeze(standby, 'startup');
    await primary.member.killPostgres();
    await stage.logged(standby, /"operation":"promote".*operation begins/);
    await rm(standby.member.dataDirectory, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
    goOn();
    await stage.takenOver(primary);
    await stage.logged(standby, /"does":"copy"/);
    await stage.acknowledged();
  },
};

export const deletePrimaryData: Scenario = {
  name: 'delete-primary-data',
  group: 'storage',
  about: 'The data directory of the running primary is deleted: the standby takes over, and the old primary is copied anew.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    await rm(primary.member.dataDirectory, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
    await stage.takenOver();
    await stage.logged(primary, /"does":"copy"/);
    await stage.acknowledged();
  },
};
