import { acknowledgedAgain, lostOf } from '../../pair/watch-pair.ts';
import { Writer } from '../../pair/writer.ts';
import { firstIds } from '../first-ids.ts';
import type { Scenario } from '../scenario.ts';

const rounds = 10;
const busyWriters = 4;
const idsEach = 10_000_000;
/** Clients under load are patient: each attempt that is given up costs the primary another handshake. */
const pace = { retryMs: 200, attemptMs: 2_000 } as const;
let runs = 0;

export const alternate: Scenario = {
  name: 'alternate',
  group: 'sequences',
  about: `The postmaster of whoever leads is killed ${rounds} times, each time as soon as both are in step, while ${busyWriters} more clients write as fast as they can.`,
  changes: rounds,
  act: async (stage) => {
    const { bind, postgresPort: port, client, members } = stage.stand;
    const writers = Array.from({ length: busyWriters }, (_, index) => {
      const first = firstIds.load + (runs * busyWriters + index) * idsEach;
      return new Writer(() => bind.addressesOf('pair'), { port, client }, { ...pace, firstId: first });
    });
    runs += 1;
    stage.undo(() => Promise.all(writers.map((writer) => writer.stop())));
    for (const writer of writers) writer.start();
    for (let round = 0; round < rounds; round += 1) {
      const { leader, epoch } = await stage.inStep();
      await members[leader].killPostgres();
      await stage.until(`failover ${round + 1} of ${rounds}`, async () => {
        const { leader: next, epoch: later } = await stage.inStep();
        return next !== leader && later === epoch + 1;
      });
      for (const writer of writers) await acknowledgedAgain(writer);
    }
    const lost = await lostOf(stage.stand, ...writers);
    const count = writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    stage.notes.push(`${count} more writes were acknowledged under load`);
    if (lost.length > 0) throw new Error(`${lost.length} acknowledged writes of the load are lost, ${lost[0] ?? ''} first`);
  },
};
