import { adoptRecord, readRecord, replaceRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const setBackRecordUnseen: Scenario = {
  name: 'set-back-record-unseen',
  group: 'control-plane',
  about:
    'The standby is off, the primary goes on alone, and the PairRecord of before is restored, which the standby has not seen to be old: the standby believes the primary more than it, and leads nobody when that dies.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    const before = await readRecord(stage);
    await standby.member.killMember();
    await stage.leadsAlone();
    await stage.acknowledged();
    const after = await readRecord(stage);
    stage.undo(() => adoptRecord(stage, primary, after.spec));
    await replaceRecord(stage, before.spec);
    await stage.blocked(primary, 'RecordLost');
    await standby.member.startAgent();
    await stage.blocked(standby, 'RecordLost');
    await stage.acknowledgedBy(primary);
    // Each start of an agent raises the record's sequence, beyond what the primary has seen in the end.
    for (let round = 0; round < 2; round += 1) {
      await standby.member.killAgent();
      await standby.member.startAgent();
    }
    await stage.blocked(standby, 'RecordLost');
    await stage.blocked(primary, 'RecordLost');
    await stage.acknowledgedBy(primary);
    await primary.member.killMember();
    stage.undo(() => primary.member.startAgent());
    await stage.nobodyAcknowledges(observedMs);
    if ((await stage.status(standby)).serving) throw new Error('the member that lacks what was acknowledged serves');
  },
};
