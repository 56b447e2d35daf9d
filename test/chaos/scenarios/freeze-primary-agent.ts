import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const freezePrimaryAgent: Scenario = {
  name: 'freeze-primary-agent',
  group: 'process',
  about:
    'The agent of the primary is stopped with SIGSTOP for seconds: it is missed, decides nothing of its own sleep, and the lead stays.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    stage.undo(() => Promise.resolve(primary.member.agent?.signal('SIGCONT')));
    primary.member.agent?.signal('SIGSTOP');
    await stage.until('the other member misses it', async () => !(await stage.status(standby)).peerHeard);
    await stage.keepsLeader(observedMs, standby);
    await stage.acknowledged();
    await stage.acknowledgedBy(primary);
  },
};
