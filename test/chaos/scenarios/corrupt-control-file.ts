import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scenario } from '../scenario.ts';

const controlFileBytes = 8_192;

export const corruptControlFile: Scenario = {
  name: 'corrupt-control-file',
  group: 'storage',
  about: 'The old primary comes back with a pg_control that makes no sense: its data is copied anew.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    await stage.primaryFails(() => primary.member.killMember());
    await stage.takenOver();
    await writeFile(join(primary.member.dataDirectory, 'global', 'pg_control'), randomBytes(controlFileBytes));
    await primary.member.startAgent();
    await stage.logged(primary, /"does":"copy"/);
    await stage.acknowledged();
  },
};
