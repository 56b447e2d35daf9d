import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;

export const promoteByHand: Scenario = {
  name: 'promote-by-hand',
  group: 'sequences',
  about:
    'A superuser promotes the standby behind the back of its agent, which stands still: the gate lets nothing through, not even by the Unix socket; then the agent goes on and brings it back as standby.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using session = await localSession(stage, standby);
    const goOn = (): unknown => standby.member.agent?.signal('SIGCONT');
    stage.undo(() => Promise.resolve(goOn()));
    standby.member.agent?.signal('SIGSTOP');
    await session.query('SELECT pg_promote(wait => true)');
    await stage.acknowledgesNothing(standby, observedMs);
    goOn();
    await stage.logged(standby, 'deposed: the record names the other member');
    await stage.acknowledgesNothing(standby, observedMs);
    await stage.acknowledgedBy(primary);
  },
};
