import { bothFreeze, editRecord, readRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_500;

export const editRecordByHand: Scenario = {
  name: 'edit-record',
  group: 'control-plane',
  about:
    'A person writes the other member into the PairRecord as its primary: one epoch has one primary, so both freeze until it is put right.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    const { spec } = await readRecord(stage);
    stage.undo(() => editRecord(stage, { primary: primary.name, sequence: spec.sequence + 2_000 }));
    await editRecord(stage, { primary: standby.name, sequence: spec.sequence + 1_000 });
    await bothFreeze(stage);
    await stage.acknowledged();
    await stage.keepsLeader(observedMs);
    await stage.acknowledgedBy(primary);
    await stage.acknowledgesNothing(standby, observedMs);
  },
};
