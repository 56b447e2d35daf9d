import { adoptRecord, bothFreeze, deleteRecord, readRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_500;

export const deleteRecordServesOn: Scenario = {
  name: 'delete-record',
  group: 'control-plane',
  about:
    'The PairRecord is deleted: both members keep their roles and say so, writes go on, and a record written anew by a person is followed.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary } = stage;
    const { spec } = await readRecord(stage);
    stage.undo(() => adoptRecord(stage, primary, spec));
    await deleteRecord(stage);
    await bothFreeze(stage);
    await stage.acknowledged();
    await stage.keepsLeader(observedMs);
    await stage.acknowledgedBy(primary);
  },
};

export const deleteRecordKillPostmaster: Scenario = {
  name: 'delete-record-kill-postmaster',
  group: 'control-plane',
  about:
    'The PairRecord is deleted, then the primary is killed: nobody takes over, as was said, until a person has written the record anew.',
  changes: 0,
  act: async (stage) => {
    const { primary } = stage;
    const { spec } = await readRecord(stage);
    stage.undo(() => adoptRecord(stage, primary, spec));
    await deleteRecord(stage);
    await bothFreeze(stage);
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.until('its PostgreSQL is gone', async () => (await stage.status(primary)).role === 'none');
    await stage.nobodyAcknowledges(observedMs);
  },
};
