import { limitMemory } from '../memory-limit.ts';
import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';

const limitBytes = 128 * 1024 * 1024;

export const runOutOfMemory: Scenario = {
  name: 'run-out-of-memory',
  group: 'process',
  about:
    "A query eats all the memory that the primary's PostgreSQL may use, and the kernel kills it: the whole server ends, and the standby takes over.",
  changes: 1,
  act: async (stage) => {
    const { member } = stage.primary;
    const limit = await limitMemory(limitBytes);
    stage.undo(async () => await limit[Symbol.asyncDispose]());
    const postmaster = await member.postmaster();
    if (postmaster === undefined) throw new Error('no PostgreSQL runs');
    await limit.add(postmaster);
    // The session is made by the postmaster, and so it is under the limit.
    await using session = await localSession(stage, stage.primary);
    const eaten = session.query(`SELECT array_agg(repeat('x', 1000) || i) FROM generate_series(1, 10000000) AS i`).then(
      () => 'a query was to eat all memory, and ended',
      () => undefined,
    );
    await stage.takenOver();
    const problem = await eaten;
    if (problem !== undefined) throw new Error(problem);
    if ((await limit.killed()) === 0) throw new Error('the kernel killed nobody');
    await stage.acknowledged();
  },
};
