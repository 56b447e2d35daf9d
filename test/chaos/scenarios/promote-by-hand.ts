import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;

export const promoteByHand: Scenario = {
  name: 'promote-by-hand',
  group: 'sequences',
  about: 'A superuser promotes the standby behind the back of its agent: its gate lets nothing through, and it is brought back as standby.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using session = await localSession(stage, standby);
    await session.query('SELECT pg_promote(wait => false)');
    await stage.logged(standby, 'deposed: the record names the other member');
    await stage.acknowledgesNothing(standby, observedMs);
    await stage.acknowledgedBy(primary);
  },
};
