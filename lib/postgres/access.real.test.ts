import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageOf } from '#lib/base/errors.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { builtInRoles, ownDatabase } from './instance.ts';
import { openInstance } from './open-instance.ts';
import { lineFailureOf } from './sql-line.ts';
import type { RealPair } from './testing/real-pair.ts';
import { clientLeaf, memberTls, realPair, soon, startFirst, testPorts } from './testing/real-pair.ts';

interface Try {
  readonly user: string;
  readonly database: string;
  readonly cert?: string;
  readonly key?: string;
  /** Undefined: without TLS. */
  readonly authority?: string;
}

describe('who may enter', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await realPair();
    await startFirst(pair);
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  /** Undefined when a statement could be run, else the error's text. */
  async function enter({ user, database, cert, key, authority }: Try): Promise<string | undefined> {
    const { address, port } = pair.settingsOf('a').self;
    const ssl = authority === undefined ? false : { ca: authority, cert, key };
    const client = new Client({ host: address, port, user, database, ssl, password: 'guess' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function as(role: string, certificateOf = role, signedBy = pair.authority): Promise<Try> {
    const leaf = await clientLeaf(signedBy, certificateOf);
    return {
      user: role,
      database: role === 'app_owner' ? 'app' : ownDatabase,
      cert: leaf.certificatePem,
      key: leaf.privateKeyPem.reveal(),
      authority: pair.authority.certificatePem,
    };
  }

  test('an application by its certificate over TLS', async () => {
    expect(await enter(await as('app_owner'))).toBeUndefined();
  });

  test('nobody without TLS, with or without a password', async () => {
    for (const user of ['app_owner', builtInRoles.agent, builtInRoles.replication]) {
      expect(await enter({ user, database: 'app' })).toContain('pg_hba.conf rejects connection');
    }
  });

  test('nobody without a certificate', async () => {
    const { cert: _cert, key: _key, ...bare } = await as('app_owner');
    expect(await enter(bare)).toContain('requires a valid client certificate');
  });

  test('nobody with a certificate of another authority', async () => {
    const foreign = await createAuthority({ commonName: 'pair ca', nowMs: Date.now() });
    expect(await enter(await as('app_owner', 'app_owner', foreign))).toBeDefined();
  });

  test("nobody as somebody else, and no application in the pair's own database", async () => {
    const { agent, replication, canary, hall } = builtInRoles;
    for (const role of [agent, replication, canary, hall]) expect(await enter(await as(role, 'app_owner'))).toBeDefined();
    expect(await enter(await as('app_owner', 'other_role'))).toContain('certificate authentication failed');
    expect(await enter({ ...(await as('app_owner')), database: ownDatabase })).toContain('rejects connection');
    // Even a client's certificate that bears the role's own name is not a member's.
    for (const role of [agent, replication, canary, hall]) expect(await enter(await as(role, role))).toBeDefined();
  });

  test("the member's certificate opens canary and replication only", async () => {
    const { tls } = pair.settingsOf('b');
    const member = { cert: tls.certificate, key: tls.key.reveal(), authority: tls.authority };
    for (const user of [builtInRoles.canary, builtInRoles.replication])
      expect(await enter({ ...member, user, database: ownDatabase })).toBeUndefined();
    for (const user of [builtInRoles.agent, builtInRoles.hall, 'app_owner'])
      for (const database of [ownDatabase, 'app', 'postgres']) expect(await enter({ ...member, user, database })).toBeDefined();
  });

  test('the socket only the users that the settings name', async () => {
    const { stateDirectory, self } = pair.settingsOf('a');
    const line = pair.a.openLine('test');
    expect((await line.query('SELECT session_user AS name', [], soon())).rows).toEqual([{ name: 'hallkeeper' }]);
    const asHall = [
      '-h',
      `${stateDirectory}/socket`,
      '-p',
      String(self.port),
      '-U',
      builtInRoles.hall,
      '-d',
      ownDatabase,
      '-c',
      'SELECT 1',
    ];
    await expect(promisify(execFile)('psql', asHall)).rejects.toThrow('Peer authentication failed');
  });

  test('the canary and the replication role can do what they are for and no more', async () => {
    for (const line of [pair.b.openPeerLine('test'), pair.b.openReplicationLine('test')]) {
      await pair.b.commitLocal(line, soon());
      for (const text of ['CREATE TABLE t ()', 'CREATE SCHEMA s', 'SELECT pg_cancel_backend(1)', 'SELECT * FROM pg_authid']) {
        await expect(line.query(text, [], soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_SQL', cause: { code: '42501' } });
      }
    }
    expect((await pair.b.runningLineage(pair.b.openReplicationLine('lineage'), soon())).timeline).toBe(1);
    await expect(pair.b.openPeerLine('files').query(`SELECT pg_read_file('PG_VERSION')`, [], soon())).rejects.toMatchObject({
      cause: { code: '42501' },
    });
  });

  test('no application while the door is closed, and its sessions end; members and the agent still may', async () => {
    const { a, b } = pair;
    const { user, database, cert, key, authority } = await as('app_owner');
    const { address, port } = pair.settingsOf('a').self;
    const client = new Client({ host: address, port, user, database, ssl: { ca: authority, cert, key } });
    const ended = new Promise<Error>((resolve) => client.on('error', resolve));
    await client.connect();
    await a.setClients('closed', soon());
    expect((await ended).message).toContain('terminating connection');
    expect(await enter(await as('app_owner'))).toContain('rejects connection');
    await b.commitLocal(b.openPeerLine('test'), soon());
    await a.setClients('open', soon());
    expect(await enter(await as('app_owner'))).toBeUndefined();
    await client.end().catch(() => undefined);
  });

  test('a limit that our own sessions fill is no sign of life, a server without a free connection is', async () => {
    const { a, b } = pair;
    const owner = a.openLine('limits');
    const failure = async (): Promise<string> => {
      const line = b.openPeerLine('test');
      const error: unknown = await b.commitLocal(line, soon()).catch((caught: unknown) => caught);
      await line.close();
      return lineFailureOf(error);
    };
    await owner.query(`ALTER ROLE hallkeeper_canary CONNECTION LIMIT 0`, [], soon());
    expect(await failure()).toBe('answered');
    await owner.query(`ALTER ROLE hallkeeper_canary CONNECTION LIMIT 8`, [], soon());
    await owner.query(`ALTER DATABASE hallkeeper CONNECTION LIMIT 0`, [], soon());
    expect(await failure()).toBe('full');
    await owner.query(`ALTER DATABASE hallkeeper CONNECTION LIMIT -1`, [], soon());
    await b.commitLocal(b.openPeerLine('test'), soon());
  });

  test('a server whose certificate does not carry the address is not believed to be the peer', async () => {
    // A client's certificate cannot serve at all; one of a server of this pair at another address could.
    const client = await clientLeaf(pair.authority, 'app_owner');
    const impostors = [
      { certificate: client.certificatePem, key: client.privateKeyPem, authority: pair.authority.certificatePem },
      await memberTls(pair.authority, 'a', '127.0.0.9'),
    ];
    for (const impostor of impostors) {
      await pair.a.setTls(impostor, soon());
      const error: unknown = await pair.b.commitLocal(pair.b.openPeerLine('test'), soon()).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'HK_POSTGRES_UNREACHABLE' });
      const copied: unknown = await pair.b.copy(() => undefined, soon()).catch((caught: unknown) => caught);
      expect(messageOf(copied)).toMatch(/certificate/);
    }
    await pair.a.setTls(await memberTls(pair.authority, 'a'), soon());
    await pair.b.commitLocal(pair.b.openPeerLine('test'), soon());
  });

  test('renewed certificates of another authority are used at once, the old ones no more', async () => {
    const next = await createAuthority({ commonName: 'pair ca', nowMs: Date.now() });
    await pair.a.setTls(await memberTls(next, 'a'), soon());
    await expect(pair.b.commitLocal(pair.b.openPeerLine('test'), soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_UNREACHABLE' });
    await pair.b.setTls(await memberTls(next, 'b'), soon());
    await pair.b.commitLocal(pair.b.openPeerLine('test'), soon());
  });

  test('a cancelled wait is told as not synchronous, and stuck canaries can be ended', async () => {
    const { a } = pair;
    const watching = a.openLine('watching');
    await a.setGate('closed', soon());
    const line = a.openLine('stuck');
    await line.query('SELECT 1', [], soon());
    const cancelled = a.commitSynchronous(line, soon()).catch((error: unknown) => error);
    const pid = line.backendPid() ?? 0;
    await waitingPids(watching, 1);
    await watching.query('SELECT pg_cancel_backend($1)', [pid], soon());
    expect(await cancelled).toMatchObject({ code: 'HK_POSTGRES_NOT_SYNCHRONOUS' });

    const giveUp = new AbortController();
    const left = a.commitSynchronous(line, giveUp.signal).catch((error: unknown) => error);
    await waitingPids(watching, 1);
    giveUp.abort(new Error('gave up'));
    expect(await left).toMatchObject({ message: 'gave up' });
    await waitingPids(watching, 1);
    await a.endStuckCanaries(watching, 'stuck', soon());
    await waitingPids(watching, 0);
    await a.setGate('none', soon());
    await a.commitSynchronous(line, soon());
  });

  test('why a server does not start is told', async () => {
    const { a } = pair;
    await a.stop(soon());
    const error: unknown = await a.commitLocal(a.openLine('test'), soon()).catch((caught: unknown) => caught);
    expect(lineFailureOf(error)).toBe('refused');
    const wrong = openInstance({ ...pair.settingsOf('a'), parameters: { shared_buffers: '8000GB' } }, testPorts);
    await wrong.start({ as: 'primary', gate: 'none' }, soon());
    await expect(wrong.waitReady(soon())).rejects.toThrow('shared memory');
    await wrong.close();
    expect(() => openInstance({ ...pair.settingsOf('a'), parameters: { fsync: 'off' } }, testPorts)).toThrow(
      'parameter fsync must not be set',
    );
  });
});

async function waitingPids(line: ReturnType<RealPair['a']['openLine']>, count: number): Promise<void> {
  for (;;) {
    const { rows } = await line.query(`SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'`, [], soon());
    if (rows.length === count) return;
  }
}
