import { readRecord } from '../record-by-hand.ts';
import type { Scenario } from '../scenario.ts';

export const noOperator: Scenario = {
  name: 'no-operator',
  group: 'control-plane',
  about:
    'No operator runs, here as in every other scenario: the primary is killed, and the standby alone claims, opens and moves the name to itself.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby, pair } = stage;
    await stage.primaryFails(() => primary.member.killMember());
    await stage.takenOver();
    await pair.nameWatch.pointsTo(standby.member.address);
    const { author } = (await readRecord(stage)).spec;
    if (author !== standby.name) throw new Error(`the record was changed by ${author}, and not by the standby itself`);
    await stage.acknowledged();
  },
};
