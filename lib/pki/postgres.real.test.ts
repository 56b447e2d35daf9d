import { execFile } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeOf } from '#lib/base/errors.ts';
import { startChild } from '#test/cluster/child.ts';
import type { Child } from '#test/cluster/child.ts';
import { freePort } from '#test/cluster/ports.ts';
import { postgresUser } from '#test/cluster/postgres-user.ts';
import { postgresPrograms } from '#test/cluster/programs.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { createAuthority } from './authority.ts';
import type { Authority } from './authority.ts';
import { explainTls } from './explain-tls.ts';
import type { Identity } from './identity.ts';
import { joinCertificates } from './inspect.ts';
import { issueLeaf } from './leaf.ts';
import type { Leaf } from './leaf.ts';
import { dayMs } from './lifetimes.ts';
import { clientTls, pairAuthority } from './trust.ts';

const run = promisify(execFile);
const nowMs = Date.now();
const pair = { trustDomain: 'hallkeeper.dev', pairUid: 'uid-1' };
const member: Identity = { kind: 'member', ...pair, name: 'a' };
const role = 'hallkeeper_canary';

let folder: TemporaryFolder;
let server: Child | undefined;
let port: number;
let authorities: Readonly<Record<'current' | 'successor' | 'foreign', Authority>>;
const file = (name: string): string => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder('pki-postgres');
  const old = nowMs - 200 * dayMs;
  const make = (startMs: number): Promise<Authority> => createAuthority({ commonName: 'pair', nowMs: startMs });
  authorities = { current: await make(old), successor: await make(nowMs), foreign: await make(old) };
  const names = { identity: member, commonName: 'hallkeeper-member', ipAddresses: ['127.0.0.1'], usages: ['server', 'client'] as const };
  const leaf = await issueLeaf(authorities.current, { ...names, nowMs });
  const user = postgresUser();
  const own = async (name: string, text: string): Promise<void> => {
    await writeFile(file(name), text, { mode: 0o600 });
    await chown(file(name), user.uid, user.gid);
  };
  await mkdir(file('data'), { mode: 0o700 });
  await chown(file('data'), user.uid, user.gid);
  await chown(folder.path, user.uid, user.gid);
  await run(join(postgresPrograms(), 'initdb'), ['-D', file('data'), '-U', role, '--auth-local=trust', '--no-sync'], {
    uid: user.uid,
    gid: user.gid,
    cwd: folder.path,
  });
  await own('ca.pem', joinCertificates([authorities.current.certificatePem, authorities.successor.certificatePem]));
  await own('server.pem', leaf.certificatePem);
  await own('server.key', leaf.privateKeyPem.reveal());
  await own('data/pg_hba.conf', 'hostssl all all all cert\n');
  port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ssl: 'on',
    ssl_cert_file: file('server.pem'),
    ssl_key_file: file('server.key'),
    ssl_ca_file: file('ca.pem'),
    ssl_min_protocol_version: 'TLSv1.3',
    fsync: 'off',
  };
  const ready = async (): Promise<boolean> => (await connect(await clientLeaf('current'))) === role;
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  server = await startChild({
    name: 'postgres',
    command: join(postgresPrograms(), 'postgres'),
    args: ['-D', file('data'), '-p', String(port), ...flags],
    directory: folder.path,
    user,
    ready,
  });
});

afterAll(async () => {
  await server?.stop();
  await folder.remove();
});

const clientLeaf = (by: keyof typeof authorities, atMs = nowMs): Promise<Leaf> =>
  issueLeaf(authorities[by], { identity: { kind: 'client', ...pair, role }, commonName: role, usages: ['client'], nowMs: atMs });

/** The user we are there, or the code of our own words for why we are not. */
async function connect(leaf: Leaf, expected: Identity = member): Promise<string | undefined> {
  const trust = [pairAuthority(authorities.current.certificatePem, pair)];
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: role,
    database: 'postgres',
    ssl: clientTls(leaf, trust, { expected, checkHost: true }),
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<{ user: string }>('select current_user as user')).rows[0]?.user;
  } catch (error) {
    return codeOf(explainTls(error)) ?? codeOf(error);
  } finally {
    await client.end();
  }
}

test.each<[string, keyof typeof authorities, number, string]>([
  ['lets in a client of the authority in use', 'current', nowMs, role],
  ['lets in a client of its successor', 'successor', nowMs, role],
  ['refuses an expired certificate', 'current', nowMs - 91 * dayMs, 'HK_CERT_REFUSED_BY_PEER'],
  ['refuses a certificate of a foreign authority', 'foreign', nowMs, 'HK_CERT_REFUSED_BY_PEER'],
])('PostgreSQL %s', async (_what, by, atMs, expected) => {
  expect(await connect(await clientLeaf(by, atMs))).toBe(expected);
});

test('a client refuses a PostgreSQL server that is another member', async () => {
  expect(await connect(await clientLeaf('current'), { ...member, name: 'b' })).toBe('HK_CERT_IDENTITY');
});

test('libpq verifies our server in full and is let in', async () => {
  const leaf = await clientLeaf('current');
  await writeFile(file('client.pem'), leaf.certificatePem);
  await writeFile(file('client.key'), leaf.privateKeyPem.reveal(), { mode: 0o600 });
  const tls = `sslmode=verify-full sslcert=${file('client.pem')} sslkey=${file('client.key')} sslrootcert=${file('ca.pem')}`;
  const where = `host=127.0.0.1 port=${port} dbname=postgres user=${role} ${tls}`;
  const { stdout } = await run(join(postgresPrograms(), 'psql'), [
    where,
    '-Atc',
    'select version from pg_stat_ssl where pid = pg_backend_pid()',
  ]);
  expect(stdout.trim()).toBe('TLSv1.3');
});
