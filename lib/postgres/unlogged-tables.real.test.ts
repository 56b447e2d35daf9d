import { expect, test } from 'vitest';
import type { SqlLine } from './instance.ts';
import { realPair, soon, startFirst } from './testing/real-pair.ts';
import { readUnloggedTables } from './unlogged-tables.ts';

test('a database with unlogged tables is told, whatever its owner put before the functions of the server, and no session stays in it', async () => {
  await using pair = await realPair();
  await startFirst(pair);
  const line = pair.a.openLine('test', 'postgres');
  const owner = pair.a.openLine('owner', 'app');
  const told = (): Promise<readonly string[]> => readUnloggedTables(line, (database) => pair.a.openLine('unlogged', database), soon());
  const run = async (on: SqlLine, statements: readonly string[]): Promise<void> => {
    for (const statement of statements) await on.query(statement, [], soon());
  };
  await run(owner, ['CREATE TABLE kept (id int)', 'CREATE TEMPORARY TABLE passing (id int)']);
  expect(await told()).toEqual([]);
  await run(owner, [
    'CREATE UNLOGGED TABLE cache (id int)',
    'CREATE SCHEMA trap',
    `CREATE FUNCTION trap.differ("char", "char") RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$`,
    'CREATE OPERATOR trap.= (FUNCTION = trap.differ, LEFTARG = "char", RIGHTARG = "char")',
    'ALTER DATABASE app SET search_path = trap, pg_catalog, public',
  ]);
  await owner.close();
  expect(await told()).toEqual(['unlogged tables of database app']);
  await run(line, [`ALTER DATABASE app ALLOW_CONNECTIONS off`]);
  expect(await told()).toEqual([]);
  await run(line, ['ALTER DATABASE app ALLOW_CONNECTIONS on', 'DROP DATABASE app']);
  expect(await told()).toEqual([]);
}, 120_000);
