import { expect, test } from 'vitest';
import type { LocalPostgres } from '#lib/pair/member-state.ts';
import { aMember } from '#lib/pair/testing/a-member.ts';
import { openInstance } from '#lib/postgres/open-instance.ts';
import { joinSecond, realPair, soon, startFirst, testPorts } from '#lib/postgres/testing/real-pair.ts';
import { startStandby } from './act-start-standby.ts';
import { PostgresLane } from './postgres-lane.ts';
import { runUpkeep } from './upkeep.ts';

test('a standby whose replay pauses, because its primary was started with more connections, ends and can be started anew', async () => {
  await using pair = await realPair({ max_connections: '40' });
  await startFirst(pair);
  await joinSecond(pair);
  await pair.b.stop(soon());
  const died = Promise.withResolvers<LocalPostgres>();
  const lane = new PostgresLane(pair.b, { peer: 'a', ...testPorts }, (picture) => died.resolve(picture), soon());
  await startStandby(lane, true, soon());
  await pair.a.stop(soon());
  const settings = pair.settingsOf('a');
  const higher = openInstance({ ...settings, parameters: { ...settings.parameters, max_connections: '60' } }, testPorts);
  await higher.start({ as: 'primary', gate: 'none' }, soon());
  await higher.waitReady(soon());
  const stop = new AbortController();
  const running = runUpkeep(lane, () => aMember(), stop.signal);
  try {
    expect(await died.promise).toMatchObject({ process: 'down' });
  } finally {
    stop.abort();
    await running;
  }
  await startStandby(lane, true, soon());
  expect(await pair.b.replayLacks(lane.control, soon())).toBe(false);
  await higher.close();
}, 120_000);
