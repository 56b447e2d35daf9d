import type { Scenario } from '../scenario.ts';

export const switchoverAndKill: Scenario = {
  name: 'switchover-and-kill',
  group: 'sequences',
  about: 'A switchover is asked for and the primary killed in the same moment: one failover, and whoever asked is told how it ended.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary } = stage;
    const id = `while-it-dies-${stage.epoch}`;
    await stage.stand.switchover(primary.name, id);
    await primary.member.killPostgres();
    await stage.takenOver();
    const ended = await stage.until('whoever asked is told how it ended', async () => {
      return (await stage.status(primary)).operations.find((each) => each.id === id && each.state !== 'running');
    });
    stage.notes.push(`the switchover was ${ended.state}: ${ended.why}`);
    await stage.acknowledged();
  },
};
