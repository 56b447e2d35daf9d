import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { PooledConnection } from './connection.ts';
import type { CredentialSet } from './credentials.ts';
import { SimulatedClock } from './testing/simulated-clock.ts';

let server: Server;
let connections: number;

beforeEach(async () => {
  connections = 0;
  server = createServer((_request, response) => void response.end('{}'));
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

const setOf = (fingerprint: string, token: string): CredentialSet => ({
  tls: { ca: undefined, cert: undefined, key: undefined, servername: undefined, fingerprint },
  headers: new Map([['authorization', new Secret(`Bearer ${token}`)]]),
});

function open(first: CredentialSet): {
  readonly connection: PooledConnection;
  readonly clock: SimulatedClock;
  rotate(set: CredentialSet): void;
} {
  let set = first;
  const clock = new SimulatedClock();
  const address = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/clusters/one/`);
  const connection = new PooledConnection({ server: address, current: async () => set, refused: () => true }, clock);
  return { connection, clock, rotate: (next) => void (set = next) };
}

async function call(connection: PooledConnection): Promise<void> {
  const { dispatcher, origin, basePath } = await connection.route('call');
  const { body } = await dispatcher.request({ origin, path: basePath, method: 'GET' });
  await body.dump();
}

test('a new token keeps the connection, new bytes of certificates replace it', async () => {
  const { connection, rotate } = open(setOf('A', 'T1'));
  const first = await connection.route('call');
  rotate(setOf('A', 'T2'));
  const renewed = await connection.route('call');
  expect(renewed.dispatcher).toBe(first.dispatcher);
  expect(renewed).toMatchObject({ basePath: '/clusters/one', headers: { authorization: 'Bearer T2' } });
  rotate(setOf('B', 'T2'));
  const replaced = await connection.route('call');
  expect(replaced.dispatcher).not.toBe(first.dispatcher);
  await call(connection);
  await connection.close();
});

test('a server that speaks both is spoken to by HTTP/1.1, where a request can be given up at any moment', async () => {
  const nowMs = Date.now();
  const authority = await createAuthority({ commonName: 'cluster', nowMs });
  const leaf = await issueLeaf(authority, {
    identity: { kind: 'operator', trustDomain: 'hallkeeper.dev' },
    commonName: 'kube-apiserver',
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    nowMs,
  });
  const versions: string[] = [];
  const both = createSecureServer(
    { cert: leaf.certificatePem, key: leaf.privateKeyPem.reveal(), allowHTTP1: true },
    (request, response) => {
      versions.push(request.httpVersion);
      response.end('{}');
    },
  );
  await new Promise<void>((resolve) => void both.listen(0, '127.0.0.1', resolve));
  const { tls, headers } = setOf('A', 'T');
  const source = { tls: { ...tls, ca: Buffer.from(authority.certificatePem) }, headers };
  const address = new URL(`https://127.0.0.1:${(both.address() as AddressInfo).port}/version`);
  const connection = new PooledConnection({ server: address, current: async () => source, refused: () => true }, new SimulatedClock());
  try {
    await call(connection);
    expect(versions).toEqual(['1.1']);
  } finally {
    await connection.close();
    both.close();
  }
});

test('a suspect connection is replaced once, and not when it is younger than a second', async () => {
  const { connection, clock } = open(setOf('A', 'T'));
  const first = await connection.route('call');
  const watch = await connection.route('watch');
  expect(watch.dispatcher).not.toBe(first.dispatcher);
  connection.suspect('call', first);
  expect((await connection.route('call')).dispatcher).toBe(first.dispatcher);
  await clock.advance(1_000);
  connection.suspect('call', first);
  const second = await connection.route('call');
  expect(second.dispatcher).not.toBe(first.dispatcher);
  await clock.advance(1_000);
  // A late complaint about the connection that is gone already says nothing about the new one.
  connection.suspect('call', first);
  expect((await connection.route('call')).dispatcher).toBe(second.dispatcher);
  expect((await connection.route('watch')).dispatcher).toBe(watch.dispatcher);
  await connection.close();
});

test('after the end nothing is sent any more', async () => {
  const { connection } = open(setOf('A', 'T'));
  await call(connection);
  await connection.close();
  await expect(call(connection)).rejects.toMatchObject({ code: 'UND_ERR_DESTROYED' });
  expect(connections).toBe(1);
});
