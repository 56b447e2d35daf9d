import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownDatabase } from './instance.ts';
import type { PostgresInstance } from './instance.ts';
import type { RealPair } from './testing/real-pair.ts';
import { joinedPair, soon } from './testing/real-pair.ts';

const cancelQuery = `SELECT has_function_privilege('app_owner', 'pg_catalog.pg_cancel_backend(integer)', 'EXECUTE') AS may`;

// One story in order: what a person dropped or made is replicated, so that the standby has to take over without it.
describe('databases that a person dropped or made', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await joinedPair();
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  async function inDatabase(instance: PostgresInstance, database: string, text: string): Promise<string | null | undefined> {
    const line = instance.openLine('test', database);
    try {
      const { rows } = await line.query(text, [], soon());
      return rows[0] === undefined ? undefined : Object.values(rows[0])[0];
    } finally {
      await line.close();
    }
  }

  test('the gate is moved without database postgres, and bootstrap makes it anew', async () => {
    const { a } = pair;
    await inDatabase(a, 'template1', 'DROP DATABASE postgres WITH (FORCE)');
    expect(await a.serverState(10_000)).toBe('ready');
    await a.setGate('peer', soon());
    await a.commitSynchronous(a.openLine('test'), soon());
    await a.bootstrap(soon());
    expect(await inDatabase(a, 'postgres', 'SELECT current_database()')).toBe('postgres');
  });

  test('a database that was made from template0 does not let clients cancel waits either', async () => {
    const { a } = pair;
    const line = a.openLine('test');
    const before = await a.databasesNow(line, soon());
    await line.query('CREATE DATABASE restored TEMPLATE template0', [], soon());
    expect(await a.databasesNow(line, soon())).not.toBe(before);
    expect(await inDatabase(a, 'restored', cancelQuery)).toBe('t');
    await a.bootstrap(soon());
    expect(await inDatabase(a, 'restored', cancelQuery)).toBe('f');
  });

  test('sessions of ours write also where a person made all read-only', async () => {
    const { a } = pair;
    await inDatabase(a, 'postgres', 'ALTER ROLE ALL SET default_transaction_read_only = on');
    await a.bootstrap(soon());
    await inDatabase(a, 'postgres', 'ALTER ROLE ALL RESET default_transaction_read_only');
  });

  test('a database that refuses our statements keeps no other from being prepared', async () => {
    const { a } = pair;
    await inDatabase(
      a,
      'app',
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
       CREATE EVENT TRIGGER refusing ON ddl_command_start EXECUTE FUNCTION refuse()`,
    );
    await inDatabase(a, 'restored', 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_cancel_backend(integer) TO PUBLIC');
    await expect(a.bootstrap(soon())).rejects.toThrow('a statement failed');
    expect(await inDatabase(a, 'restored', cancelQuery)).toBe('f');
    await inDatabase(a, 'app', 'DROP EVENT TRIGGER refusing');
  });

  test('the standby takes over without database hallkeeper, and bootstrap makes it anew behind the gate', async () => {
    const { a, b } = pair;
    const commits = a.openLine('test', 'postgres');
    await inDatabase(a, 'postgres', `DROP DATABASE ${ownDatabase} WITH (FORCE)`);
    await commits.query(`SET synchronous_commit = remote_apply; SELECT pg_logical_emit_message(true, 'test', '')`, [], soon());
    await a.killAll(soon());
    const control = b.openLine('control');
    expect(await b.fence(control, 1_000, soon())).toBe(true);
    await b.promote(control, soon());
    expect(await b.provesClosed(b.openLine('waiting'), control, soon())).toBe(true);
    await b.bootstrap(soon());
    expect(await inDatabase(b, ownDatabase, `SELECT count(*) FROM pg_namespace WHERE nspname = 'ledger'`)).toBe('1');
    expect(await inDatabase(b, ownDatabase, `SELECT has_database_privilege('hallkeeper_canary', current_database(), 'CONNECT')`)).toBe('t');
  });
});
