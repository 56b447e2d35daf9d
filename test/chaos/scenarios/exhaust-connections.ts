import type { Client } from 'pg';
import { newClient } from '../../pair/writer.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const connectionsMax = 200;
const observedMs = 2_000;
const connectMaxMs = 10_000;

/** Connects until the primary refuses another client, and holds what it got. */
async function fill({ primary, stand }: Stage, held: Client[]): Promise<void> {
  for (let count = 0; count < connectionsMax; count += 1) {
    const client = newClient(primary.member.address, { port: stand.postgresPort, client: stand.client }, connectMaxMs);
    try {
      await client.connect();
      held.push(client);
    } catch (error) {
      await client.end().catch(() => undefined);
      const says = error instanceof Error ? error.message : '';
      if (/too many clients|remaining connection slots/.test(says)) return;
      // The machine may be too busy to let somebody in at once.
      if (!/timeout/.test(says)) throw error;
    }
  }
  throw new Error(`the primary took ${connectionsMax} clients and refused none`);
}

export const exhaustConnections: Scenario = {
  name: 'exhaust-connections',
  group: 'process',
  about:
    'Clients take every connection of the primary, and both agents start anew meanwhile: a server that is full is alive, and the lead stays.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby } = stage;
    const held: Client[] = [];
    const release = async (): Promise<unknown> => await Promise.all(held.splice(0).map((client) => client.end().catch(() => undefined)));
    stage.undo(release);
    await fill(stage, held);
    await stage.keepsLeader(observedMs);
    await Promise.all([primary.member.killAgent(), standby.member.killAgent()]);
    await fill(stage, held);
    await Promise.all([primary.member.startAgent(), standby.member.startAgent()]);
    await stage.inStep();
    await stage.keepsLeader(observedMs);
    stage.notes.push(`${held.length} clients held every connection`);
    await release();
    await stage.acknowledged();
  },
};
