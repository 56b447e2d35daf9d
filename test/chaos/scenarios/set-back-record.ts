import { adoptRecord, bothFreeze, readRecord, replaceRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_500;

export const setBackRecord: Scenario = {
  name: 'set-back-record',
  group: 'control-plane',
  about:
    'After a failover the PairRecord of before is restored, as from a backup: both members freeze, also when their agents start anew, and the new primary serves on.',
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
    // A member that knows nothing but what it reads now would find itself leading, beside the one that serves.
    for (const { member } of [primary, standby]) {
      await member.killAgent();
      await member.startAgent();
    }
    await bothFreeze(stage);
    await stage.acknowledgesNothing(primary, observedMs);
    await stage.acknowledgedBy(standby);
  },
};
