import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;

export const healInMidPromotion: Scenario = {
  name: 'heal-in-mid-promotion',
  group: 'network',
  about: 'The primary is cut off and comes back while the standby, which has won the claim, is still promoting: it obeys the record.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    // Without its startup process the standby can neither end its stream nor be promoted, however long it is told to.
    const goOn = await stage.freeze(standby, 'startup');
    stage.undo(() => primary.branch.cut([]));
    await stage.primaryFails(() => primary.branch.cut([{}]));
    await stage.until('the standby has won the claim', async () => (await stage.status(standby)).record?.mode === 'claim');
    await primary.branch.cut([]);
    await stage.until('the old primary has ended its PostgreSQL', async () => {
      const { record, role } = await stage.status(primary);
      return record?.mode === 'claim' && role === 'none';
    });
    await stage.nobodyAcknowledges(observedMs);
    goOn();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
