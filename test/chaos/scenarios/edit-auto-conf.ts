import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { localSession } from '../local-session.ts';
import type { Machine } from '../chaos-pair.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const autoConf = ({ member }: Machine): string => join(member.dataDirectory, 'postgresql.auto.conf');

async function edit({ primary, standby }: Stage): Promise<void> {
  for (const each of [primary, standby]) await appendFile(autoConf(each), `synchronous_standby_names = ''\n`);
}

async function isEmptied({ primary, standby }: Stage): Promise<void> {
  for (const each of [primary, standby]) {
    const left = await readFile(autoConf(each), 'utf8');
    if (left !== '') throw new Error(`member ${each.name} still has: ${left}`);
  }
}

/** As `pg_ctl reload` does. */
async function reload(stage: Stage, { name, member }: Machine): Promise<void> {
  process.kill(await stage.until(`${name} has a postmaster`, () => member.postmaster()), 'SIGHUP');
}

export const editAutoConf: Scenario = {
  name: 'edit-auto-conf',
  group: 'postgresql',
  about: 'A person writes into the postgresql.auto.conf of both members that commits wait for nobody; then the primary is killed.',
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    await edit(stage);
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.takenOver();
    await stage.acknowledged();
    await stage.inStep();
    await isEmptied(stage);
  },
};

export const reloadAutoConf: Scenario = {
  name: 'reload-auto-conf',
  group: 'postgresql',
  about:
    'A person writes the same and has both servers read it: commits wait for nobody until the agents take it back. Then the primary is killed.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using session = await localSession(stage, primary);
    await edit(stage);
    for (const machine of [primary, standby]) await reload(stage, machine);
    await stage.until('commits wait for the standby again', async () => {
      const { rows } = await session.query<{ readonly names: string }>(`SELECT current_setting('synchronous_standby_names') AS names`);
      return rows[0]?.names !== '' && (await readFile(autoConf(primary), 'utf8')) === '';
    });
    await stage.acknowledged();
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.takenOver();
    await stage.acknowledged();
    await stage.inStep();
    await isEmptied(stage);
  },
};
