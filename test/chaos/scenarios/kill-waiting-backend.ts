import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const waitingMaxMs = 500;

/** Looks in the server itself, for the wait is over for good once the primary goes on alone. */
const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'app' LIMIT 1`;

export const killWaitingBackend: Scenario = {
  name: 'kill-waiting-backend',
  group: 'process',
  about: 'A session of the primary is killed with SIGKILL while its commit waits for the standby: its whole PostgreSQL ends with it.',
  changes: 1,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using session = await localSession(stage, primary);
    const goOn = await stage.freeze(standby, 'walreceiver');
    const endMs = performance.now() + waitingMaxMs;
    let pid: number | undefined;
    while (pid === undefined) {
      if (performance.now() > endMs) throw new Error('no commit was seen to wait for the standby');
      pid = (await session.query<{ readonly pid: number }>(waiting)).rows[0]?.pid;
    }
    process.kill(pid, 'SIGKILL');
    goOn();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
