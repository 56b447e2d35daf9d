import { expect, test } from 'vitest';
import { joinedPair, soon, testPorts } from '#lib/postgres/testing/real-pair.ts';
import { openInstance } from '#lib/postgres/open-instance.ts';
import { rejoin } from './act-rejoin.ts';
import { PostgresLane } from './postgres-lane.ts';

test('good data are not copied anew when the standby does not start for its settings', async () => {
  await using pair = await joinedPair();
  await pair.b.stop(soon());
  const settings = pair.settingsOf('b');
  // More memory than any machine gives: known to be wrong only when the server asks for it.
  const greedy = openInstance({ ...settings, parameters: { ...settings.parameters, shared_buffers: '8000GB' } }, testPorts);
  const lane = new PostgresLane(greedy, { peer: 'a', ...testPorts }, () => undefined, soon());
  try {
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(rejoin(lane, false, soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_NOT_STARTED' });
    expect(lane.attempts.startsFailed).toBe(0);
  } finally {
    await greedy.close();
  }
}, 120_000);
