import { adoptRecord, bothFreeze, editRecord, readRecord, replaceRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_500;

export const editRecordByHand: Scenario = {
  name: 'edit-record',
  group: 'control-plane',
  about:
    'A person writes the other member into the PairRecord: the API server refuses it; a record made anew that says so freezes both members, for one epoch has one primary.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    const { spec } = await readRecord(stage);
    const wrong = { ...spec, primary: standby.name, sequence: spec.sequence + 100 };
    stage.undo(() => adoptRecord(stage, primary, { ...spec, sequence: wrong.sequence }));
    const refusal = await editRecord(stage, wrong);
    if (refusal === '') throw new Error('the API server took a record that no member may write');
    stage.notes.push(`the API server said: ${refusal}`);
    await replaceRecord(stage, wrong);
    await bothFreeze(stage);
    await stage.acknowledged();
    await stage.keepsLeader(observedMs);
    await stage.acknowledgedBy(primary);
    await stage.acknowledgesNothing(standby, observedMs);
  },
};
