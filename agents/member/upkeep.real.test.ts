import { test } from 'vitest';
import { systemClock } from '#lib/base/system-clock.ts';
import { aPrimary, records, wellPrimary } from '#lib/pair/testing/a-member.ts';
import { ownDatabase } from '#lib/postgres/instance.ts';
import { realPair, soon, startFirst, testPorts } from '#lib/postgres/testing/real-pair.ts';
import { PostgresLane } from './postgres-lane.ts';
import { runUpkeep } from './upkeep.ts';

const refusing = `
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
CREATE EVENT TRIGGER refusing ON ddl_command_start EXECUTE FUNCTION refuse()`;

test('the leader makes a slot for its peer though a database refuses our statements, and a dropped database anew while it leads', async () => {
  await using pair = await realPair();
  await startFirst(pair);
  const { a } = pair;
  const line = a.openLine('test', 'postgres');
  const until = async (query: string): Promise<void> => {
    const signal = soon();
    while ((await line.query(query, [], signal)).rows.length === 0) await systemClock.sleep(20, signal);
  };
  const app = a.openLine('test', 'app');
  await app.query(refusing, [], soon());
  await app.close();
  await line.query(`SELECT pg_drop_replication_slot('hallkeeper_member_b')`, [], soon());
  const lane = new PostgresLane(a, { peer: 'b', ...testPorts }, () => undefined, soon());
  const state = aPrimary({ record: records.solo, postgres: { ...wellPrimary, names: 'none', peerAttached: false } });
  const stop = new AbortController();
  const running = runUpkeep(lane, () => state, stop.signal);
  try {
    await until(`SELECT 1 FROM pg_replication_slots WHERE slot_name = 'hallkeeper_member_b'`);
    await line.query(`DROP DATABASE ${ownDatabase} WITH (FORCE)`, [], soon());
    await until(`SELECT 1 FROM pg_database WHERE datname = '${ownDatabase}'`);
  } finally {
    stop.abort();
    await running;
  }
});
