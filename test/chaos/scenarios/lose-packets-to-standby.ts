import type { Scenario } from '../scenario.ts';

export const losePacketsToStandby: Scenario = {
  name: 'lose-packets-to-standby',
  group: 'network',
  about: "The primary's packets to the standby are lost, and everything else arrives: one of the two leads, and serves everybody.",
  changes: 'any',
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => primary.branch.cut([]));
    await primary.branch.cut([{ way: 'out', from: [standby.branch.ownAddress] }]);
    const mode = await stage.until('one member leads alone', async () => {
      const { record } = await stage.status(standby);
      return record?.mode === 'solo' && `member ${record.primary} leads alone in epoch ${record.epoch - stage.epoch} after the first`;
    });
    stage.notes.push(mode);
    await stage.acknowledged();
  },
};
