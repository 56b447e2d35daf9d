import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { codeOf } from '#lib/base/errors.ts';
import { createAuthority } from './authority.ts';
import type { Authority } from './authority.ts';
import { explainTls } from './explain-tls.ts';
import type { Identity } from './identity.ts';
import { joinCertificates } from './inspect.ts';
import { issueLeaf } from './leaf.ts';
import type { Leaf, LeafWish } from './leaf.ts';
import { dayMs } from './lifetimes.ts';
import { anyMemberOf, clientTls, hallAuthority, pairAuthority, peerIdentity, serverTls } from './trust.ts';
import type { Expectation, TrustedAuthority } from './trust.ts';

const nowMs = Date.now();
const trustDomain = 'hallkeeper.dev';
const pairUid = '0f8fad5b-d9cb-469f-a165-70867728950e';
const memberA: Identity = { kind: 'member', trustDomain, pairUid, name: 'a' };
const memberB: Identity = { kind: 'member', trustDomain, pairUid, name: 'b' };
const terminal: Identity = { kind: 'terminal', trustDomain, hall: 'north', name: 't-01' };
const operator: Identity = { kind: 'operator', trustDomain };

let pairCa: Authority;
let hallCa: Authority;
let foreignCa: Authority;
let pairTrust: TrustedAuthority;
let hallTrust: TrustedAuthority;

beforeAll(async () => {
  // Old enough that leaves can have lived and died under them. The foreign one has the same name: only its key is another.
  pairCa = await createAuthority({ commonName: 'pair', nowMs: nowMs - 400 * dayMs });
  hallCa = await createAuthority({ commonName: 'hall', nowMs: nowMs - 400 * dayMs });
  foreignCa = await createAuthority({ commonName: 'pair', nowMs: nowMs - 400 * dayMs });
  pairTrust = pairAuthority(pairCa.certificatePem, { trustDomain, pairUid });
  hallTrust = hallAuthority(hallCa.certificatePem, { trustDomain, hall: 'north' });
});

const leafOf = (authority: Authority, wish: Partial<LeafWish> = {}): Promise<Leaf> =>
  issueLeaf(authority, {
    identity: memberA,
    commonName: 'hallkeeper-member',
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
    nowMs,
    ...wish,
  });

interface Meeting {
  /** What the server's `peerIdentity` said, or the code of why not. */
  readonly server: Identity | string | undefined;
  /** What the client read, or the code of why not; `cut` when the connection just ended. */
  readonly client: string | undefined;
}

interface Sides {
  readonly serverLeaf: Leaf;
  readonly clientLeaf: Leaf | undefined;
  readonly trust?: readonly TrustedAuthority[];
  readonly clientExpects?: Expectation;
  readonly serverExpects?: Expectation;
  readonly checkHost?: boolean;
}

/** Lets a real client meet a real server and tells what both said. */
async function meet(sides: Sides): Promise<Meeting> {
  const trust = sides.trust ?? [pairTrust, hallTrust];
  let seen: Meeting['server'];
  const server = tls.createServer(serverTls(sides.serverLeaf, trust), (socket) => {
    socket.on('error', () => undefined);
    try {
      seen = peerIdentity(socket, trust, sides.serverExpects);
      socket.end('welcome');
    } catch (error) {
      seen = codeOf(error);
      socket.destroy();
    }
  });
  server.on('tlsClientError', (error, socket) => {
    seen ??= codeOf(explainTls(error, socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const client = await greet((server.address() as AddressInfo).port, sides, trust);
    return { server: seen, client };
  } finally {
    server.close();
  }
}

function greet(port: number, sides: Sides, trust: readonly TrustedAuthority[]): Promise<string | undefined> {
  const own = sides.clientLeaf ?? sides.serverLeaf;
  const { cert, key, ...rest } = clientTls(own, trust, { expected: sides.clientExpects ?? memberA, checkHost: sides.checkHost ?? false });
  const options = sides.clientLeaf === undefined ? rest : { ...rest, cert, key };
  return new Promise((resolve) => {
    const socket: TLSSocket = tls.connect({ ...options, host: '127.0.0.1', port });
    socket.on('data', (data) => resolve(data.toString()));
    socket.on('error', (error) => resolve(codeOf(explainTls(error)) ?? codeOf(error)));
    socket.on('close', () => resolve('cut'));
  });
}

test('two that trust each other meet, and each knows the other', async () => {
  const clientLeaf = await leafOf(hallCa, { identity: terminal, usages: ['client'] });
  expect(await meet({ serverLeaf: await leafOf(pairCa), clientLeaf, clientExpects: anyMemberOf({ trustDomain, pairUid }) })).toEqual({
    server: terminal,
    client: 'welcome',
  });
});

describe('a client is refused by the server', () => {
  const cases: readonly (readonly [string, () => Promise<Leaf | undefined>, string])[] = [
    ['whose certificate has expired', () => leafOf(pairCa, { nowMs: nowMs - 91 * dayMs }), 'HK_CERT_EXPIRED'],
    ['whose certificate is not valid yet', () => leafOf(pairCa, { nowMs: nowMs + dayMs }), 'HK_CERT_NOT_YET_VALID'],
    ['of a foreign authority, even of the same name', () => leafOf(foreignCa), 'HK_CERT_FOREIGN'],
    ['that shows no certificate', () => Promise.resolve(undefined), 'HK_CERT_MISSING'],
    ['with a certificate for servers only', () => leafOf(pairCa, { usages: ['server'] }), 'HK_CERT_USAGE'],
    ['whose authority may not speak for it', () => leafOf(hallCa, { identity: operator }), 'HK_CERT_FOREIGN'],
    ['of another hall', () => leafOf(hallCa, { identity: { ...terminal, hall: 'south' } }), 'HK_CERT_FOREIGN'],
    ['of another trust domain', () => leafOf(pairCa, { identity: { ...memberB, trustDomain: 'example.org' } }), 'HK_CERT_FOREIGN'],
    ['of another pair', () => leafOf(pairCa, { identity: { ...memberB, pairUid: 'other' } }), 'HK_CERT_FOREIGN'],
    ['that is not the expected one', () => leafOf(pairCa, { identity: memberA }), 'HK_CERT_IDENTITY'],
  ];
  test.each(cases)('%s', async (_who, clientLeaf, code) => {
    const met = await meet({ serverLeaf: await leafOf(pairCa), clientLeaf: await clientLeaf(), serverExpects: memberB });
    expect(met.server).toBe(code);
    expect(met.client).not.toBe('welcome');
  });
});

describe('a server is refused by the client', () => {
  const cases: readonly (readonly [string, () => Promise<Leaf>, string, boolean])[] = [
    ['whose certificate has expired', () => leafOf(pairCa, { nowMs: nowMs - 91 * dayMs }), 'HK_CERT_EXPIRED', false],
    ['whose certificate is not valid yet', () => leafOf(pairCa, { nowMs: nowMs + dayMs }), 'HK_CERT_NOT_YET_VALID', false],
    ['of a foreign authority, even of the same name', () => leafOf(foreignCa), 'HK_CERT_FOREIGN', false],
    ['with a certificate for clients only', () => leafOf(pairCa, { usages: ['client'] }), 'HK_CERT_USAGE', false],
    ['that is another member', () => leafOf(pairCa, { identity: memberB }), 'HK_CERT_IDENTITY', false],
    ['that is a terminal with the address of a member', () => leafOf(hallCa, { identity: terminal }), 'HK_CERT_IDENTITY', false],
    ['that plays member under the authority of the hall', () => leafOf(hallCa), 'HK_CERT_FOREIGN', false],
    ['whose certificate names another address', () => leafOf(pairCa, { ipAddresses: ['127.0.0.2'] }), 'HK_CERT_HOSTNAME', true],
  ];
  test.each(cases)('%s', async (_who, serverLeaf, code, checkHost) => {
    const met = await meet({ serverLeaf: await serverLeaf(), clientLeaf: await leafOf(pairCa), checkHost });
    expect(met.client).toBe(code);
  });
});

test('while one authority follows another, leaves of both are accepted; with the new one alone the old are not', async () => {
  const successor = await createAuthority({ commonName: 'pair', nowMs });
  const pair = { trustDomain, pairUid };
  const both = [pairAuthority(joinCertificates([pairCa.certificatePem, successor.certificatePem]), pair)];
  const serverLeaf = await leafOf(successor);
  const clientLeaf = await leafOf(pairCa);
  expect(await meet({ serverLeaf, clientLeaf, trust: both })).toEqual({ server: memberA, client: 'welcome' });
  expect((await meet({ serverLeaf, clientLeaf, trust: [pairAuthority(successor.certificatePem, pair)] })).server).toBe('HK_CERT_FOREIGN');
});

test('a server that forgot to refuse is caught when it asks who the peer is', async () => {
  const { cert, key, ca } = serverTls(await leafOf(pairCa), [pairTrust]);
  const clientLeaf = await leafOf(pairCa, { nowMs: nowMs - 91 * dayMs });
  let code: string | undefined;
  const server = tls.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('error', () => undefined);
    try {
      peerIdentity(socket, [pairTrust]);
    } catch (error) {
      code = codeOf(error);
    }
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sides = { serverLeaf: await leafOf(pairCa), clientLeaf };
  await greet((server.address() as AddressInfo).port, sides, [pairTrust]);
  server.close();
  expect(code).toBe('HK_CERT_EXPIRED');
});

test('a leaf, or nothing at all, is no authority to trust', async () => {
  const leaf = await leafOf(pairCa);
  for (const pem of [leaf.certificatePem, '', 'no PEM']) {
    expect(() => pairAuthority(pem, { trustDomain, pairUid })).toThrow(expect.objectContaining({ code: 'HK_CERT_INVALID' }));
  }
});

test('alerts of other TLS implementations are told as the refusal of our certificate, other failures are left alone', () => {
  for (const code of [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
    'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  ]) {
    expect(codeOf(explainTls(Object.assign(new Error('alert'), { code })))).toBe('HK_CERT_REFUSED_BY_PEER');
  }
  expect(explainTls(Object.assign(new Error('reset'), { code: 'ECONNRESET' }), { authorizationError: null })).toBeUndefined();
});
