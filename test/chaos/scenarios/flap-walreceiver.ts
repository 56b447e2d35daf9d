import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;

/** With PostgreSQL's own pause between two attempts, five seconds, the second one would last longer than this. */
const attachMaxMs = 3_000;

export const flapWalreceiver: Scenario = {
  name: 'flap-walreceiver',
  group: 'postgresql',
  about: "The standby's stream breaks twice within a second, and stands again at once.",
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using session = await localSession(stage, primary);
    const streams = async (): Promise<number | undefined> => {
      const { rows } = await session.query<{ readonly pid: number }>(`SELECT pid FROM pg_stat_replication WHERE state = 'streaming'`);
      return rows[0]?.pid;
    };
    for (const time of ['first', 'second']) {
      const before = await streams();
      const beginMs = performance.now();
      await stage.end(standby, 'walreceiver');
      let now: number | undefined;
      while (now === undefined || now === before) {
        if (performance.now() - beginMs > attachMaxMs) throw new Error(`the ${time} break lasted longer than ${attachMaxMs} ms`);
        now = await streams();
      }
      stage.notes.push(`the ${time} break lasted ${Math.round(performance.now() - beginMs)} ms`);
    }
    await stage.keepsLeader(observedMs);
    await stage.acknowledged();
  },
};
