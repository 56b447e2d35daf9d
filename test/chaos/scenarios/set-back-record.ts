import { adoptRecord, bothFreeze, readRecord, replaceRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_500;

export const setBackRecord: Scenario = {
  name: 'set-back-record',
  group: 'control-plane',
  about: 'After a failover the PairRecord of before is restored, as from a backup: both members freeze, and the new primary serves on.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    const before = await readRecord(stage);
    await primary.member.killPostgres();
    await stage.takenOver();
    await stage.inStep();
    const after = await readRecord(stage);
    stage.undo(() => adoptRecord(stage, standby, after.spec));
    await replaceRecord(stage, before.spec);
    await bothFreeze(stage);
    await stage.acknowledged();
    await stage.acknowledgesNothing(primary, observedMs);
    await stage.acknowledgedBy(standby);
  },
};
