import { expect, test } from 'vitest';
import { systemClock } from '#lib/base/system-clock.ts';
import { realPair, soon, startFirst, testPorts } from '#lib/postgres/testing/real-pair.ts';
import type { LocalPostgres } from '#lib/pair/member-state.ts';
import { PostgresLane } from './postgres-lane.ts';

test('a smart shutdown by somebody else is a death, though standing sessions would keep it from ending', async () => {
  await using pair = await realPair();
  await startFirst(pair);
  const deaths: LocalPostgres[] = [];
  const lane = new PostgresLane(pair.again('a'), { peer: 'b', ...testPorts }, (picture) => deaths.push(picture), soon());
  expect(await lane.find(soon())).toMatchObject({ process: 'running', role: 'primary' });
  const client = pair.a.openLine('client');
  await client.query('SELECT 1', [], soon());
  const { pid } = (await pair.a.reattach(soon())) ?? { pid: 0 };
  process.kill(pid, 'SIGTERM');
  const signal = soon();
  while (deaths.length === 0) {
    await lane.look(signal);
    await systemClock.sleep(10, signal);
  }
  expect(deaths).toMatchObject([{ process: 'down' }]);
  expect(await pair.a.reattach(soon())).toBeUndefined();
});
