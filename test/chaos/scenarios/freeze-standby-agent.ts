import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const freezeStandbyAgent: Scenario = {
  name: 'freeze-standby-agent',
  group: 'process',
  about:
    'The agent of the standby is stopped with SIGSTOP for seconds: it is missed, decides nothing of its own sleep, and the lead stays.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => Promise.resolve(standby.member.agent?.signal('SIGCONT')));
    standby.member.agent?.signal('SIGSTOP');
    await stage.until('the other member misses it', async () => !(await stage.status(primary)).peerHeard);
    await stage.keepsLeader(observedMs, primary);
    await stage.acknowledged();
    await stage.acknowledgedBy(primary);
  },
};
