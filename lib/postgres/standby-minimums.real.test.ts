import { expect, test } from 'vitest';
import { eventually } from '#test/cluster/eventually.ts';
import type { PostgresInstance } from './instance.ts';
import { openInstance } from './open-instance.ts';
import type { RealPair } from './testing/real-pair.ts';
import { joinSecond, realPair, soon, startFirst, testPorts } from './testing/real-pair.ts';

function withConnections(pair: RealPair, member: 'a' | 'b', connections: string): PostgresInstance {
  const settings = pair.settingsOf(member);
  return openInstance({ ...settings, parameters: { ...settings.parameters, max_connections: connections } }, testPorts);
}

test('a standby follows a primary that has more connections than its settings say, and one that gets more later', async () => {
  await using pair = await realPair({ max_connections: '40' });
  await startFirst(pair);
  await joinSecond(pair);
  await pair.b.stop(soon());

  const lower = withConnections(pair, 'b', '20');
  await lower.start({ as: 'standby', follow: true }, soon());
  await lower.waitReady(soon());
  const line = lower.openLine('test');
  const connections = async (): Promise<string | null | undefined> =>
    (await line.query('SHOW max_connections', [], soon())).rows[0]?.['max_connections'];
  expect(await connections()).toBe('40');
  expect(await lower.replayLacks(line, soon())).toBe(false);

  await pair.a.stop(soon());
  const higher = withConnections(pair, 'a', '60');
  await higher.start({ as: 'primary', gate: 'none' }, soon());
  await higher.waitReady(soon());
  await eventually('replay pauses', () => lower.replayLacks(line, soon()), { maxMs: 60_000 });
  await lower.stop(soon());
  await lower.start({ as: 'standby', follow: true }, soon());
  await lower.waitReady(soon());
  expect(await connections()).toBe('60');
  expect(await lower.replayLacks(line, soon())).toBe(false);
  await Promise.all([lower.close(), higher.close()]);
}, 120_000);
