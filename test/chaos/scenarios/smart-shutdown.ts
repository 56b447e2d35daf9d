import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

export const smartShutdown: Scenario = {
  name: 'smart-shutdown',
  group: 'process',
  about:
    "The primary's postmaster is sent SIGTERM while a client stays: it would refuse every new client for as long as the old one is there.",
  changes: 1,
  act: async (stage) => {
    const { primary } = stage;
    await using client = await localSession(stage, primary);
    await client.query('SELECT 1');
    const postmaster = await primary.member.postmaster();
    if (postmaster === undefined) throw new Error('the primary has no postmaster');
    await stage.primaryFails(() => Promise.resolve(process.kill(postmaster, 'SIGTERM')));
    await stage.takenOver();
    await stage.acknowledged();
  },
};
