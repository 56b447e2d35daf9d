import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const killStandbyAgent: Scenario = {
  name: 'kill-standby-agent',
  group: 'process',
  about: 'The agent of the standby is killed with SIGKILL, and its PostgreSQL lives: one signal alone decides nothing.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    await standby.member.killAgent();
    stage.undo(() => standby.member.startAgent());
    await stage.until('the other member misses it', async () => !(await stage.status(primary)).peerHeard);
    await stage.acknowledged();
    await stage.keepsLeader(observedMs, primary);
    await stage.acknowledgedBy(primary);
  },
};
