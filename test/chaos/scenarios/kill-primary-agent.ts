import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const killPrimaryAgent: Scenario = {
  name: 'kill-primary-agent',
  group: 'process',
  about: 'The agent of the primary is killed with SIGKILL, and its PostgreSQL lives: one signal alone decides nothing.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    await primary.member.killAgent();
    stage.undo(() => primary.member.startAgent());
    await stage.until('the other member misses it', async () => !(await stage.status(standby)).peerHeard);
    await stage.acknowledged();
    await stage.keepsLeader(observedMs, standby);
    await stage.acknowledgedBy(primary);
  },
};
