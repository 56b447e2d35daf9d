import { expect, test } from 'vitest';
import { readLoweredCommits } from './lowered-commits.ts';
import { realPair, soon, startFirst } from './testing/real-pair.ts';

test('each role and database is told for which commits no longer wait for the standby, and none for which they do', async () => {
  await using pair = await realPair();
  await startFirst(pair);
  const line = pair.a.openLine('test');
  const told = (): Promise<readonly string[]> => readLoweredCommits(line, soon());
  expect(await told()).toEqual([]);
  for (const statement of [
    'CREATE ROLE reports',
    `ALTER ROLE reports SET work_mem = '64MB'`,
    'ALTER ROLE reports SET synchronous_commit = off',
    'ALTER ROLE reports IN DATABASE app SET synchronous_commit = remote_write',
    'ALTER ROLE app_owner SET synchronous_commit = remote_apply',
    'ALTER ROLE app_owner IN DATABASE app SET synchronous_commit = TRUE',
    'ALTER DATABASE app SET synchronous_commit = local',
    'ALTER ROLE ALL SET synchronous_commit = false',
  ])
    await line.query(statement, [], soon());
  expect((await told()).toSorted()).toEqual(['every role', 'every role in database app', 'role reports', 'role reports in database app']);
}, 120_000);
