import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scenario } from '../scenario.ts';
import type { Machine } from '../chaos-pair.ts';

const autoConf = ({ member }: Machine): string => join(member.dataDirectory, 'postgresql.auto.conf');

export const editAutoConf: Scenario = {
  name: 'edit-auto-conf',
  group: 'postgresql',
  about: 'A person writes into the postgresql.auto.conf of both members that commits wait for nobody; then the primary is killed.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    for (const each of [primary, standby]) await appendFile(autoConf(each), `synchronous_standby_names = ''\n`);
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.takenOver();
    await stage.acknowledged();
    await stage.inStep();
    for (const each of [primary, standby]) {
      const left = await readFile(autoConf(each), 'utf8');
      if (left !== '') throw new Error(`member ${each.name} still has: ${left}`);
    }
  },
};
