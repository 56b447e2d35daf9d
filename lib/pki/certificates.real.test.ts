import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from './authority.ts';
import type { Authority } from './authority.ts';
import type { Identity } from './identity.ts';
import { joinCertificates } from './inspect.ts';
import { issueLeaf } from './leaf.ts';
import { dayMs } from './lifetimes.ts';

// OpenSSL is what PostgreSQL and libpq use: what it accepts, they accept.
const run = promisify(execFile);
const nowMs = Date.now();
const identity: Identity = { kind: 'member', trustDomain: 'hallkeeper.dev', pairUid: 'uid-1', name: 'a' };

let folder: string;
let authority: Authority;
const file = (name: string): string => join(folder, name);
const openssl = async (...args: readonly string[]): Promise<string> => {
  const running = run('openssl', args, { timeout: 60_000 });
  running.child.stdin?.end();
  const { stdout, stderr } = await running.catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}${stderr}`;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallkeeper-pki-'));
  authority = await createAuthority({ commonName: 'hallkeeper-north-ca', nowMs: nowMs - 200 * dayMs });
  await writeFile(file('ca.pem'), authority.certificatePem);
  for (const [name, usages, atMs] of [
    ['server', ['server'], nowMs],
    ['client', ['client'], nowMs],
    ['expired', ['server'], nowMs - 91 * dayMs],
  ] as const) {
    const dnsNames = ['pair.hall.example'];
    const leaf = await issueLeaf(authority, {
      identity,
      commonName: 'hallkeeper-member',
      dnsNames,
      ipAddresses: ['10.1.2.3'],
      usages,
      nowMs: atMs,
    });
    await writeFile(file(`${name}.pem`), leaf.certificatePem);
    await writeFile(file(`${name}.key`), leaf.privateKeyPem.reveal(), { mode: 0o600 });
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['a server certificate for its use', ['-purpose', 'sslserver', 'server.pem'], /OK/],
  ['its DNS name', ['-verify_hostname', 'pair.hall.example', 'server.pem'], /OK/],
  ['its address', ['-verify_ip', '10.1.2.3', 'server.pem'], /OK/],
  ['a client certificate for its use', ['-purpose', 'sslclient', 'client.pem'], /OK/],
  [
    'not a client certificate for a server',
    ['-purpose', 'sslserver', 'client.pem'],
    /unsuitable certificate purpose|unsupported certificate purpose/i,
  ],
  ['not another address', ['-verify_ip', '10.1.2.4', 'server.pem'], /IP address mismatch/],
  ['not an expired certificate', ['expired.pem'], /has expired/],
])('OpenSSL, strict by RFC 5280, accepts %s', async (_what, args, output) => {
  const found = args.map((arg) => (arg.endsWith('.pem') ? file(arg) : arg));
  expect(await openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', file('ca.pem'), ...found)).toMatch(output);
});

test('OpenSSL picks the right one of two authorities of one name', async () => {
  const successor = await createAuthority({ commonName: authority.commonName, nowMs });
  await writeFile(file('both.pem'), joinCertificates([successor.certificatePem, authority.certificatePem]));
  await writeFile(file('successor.pem'), successor.certificatePem);
  expect(await openssl('verify', '-x509_strict', '-CAfile', file('both.pem'), file('server.pem'))).toMatch(/OK/);
  expect(await openssl('verify', '-x509_strict', '-CAfile', file('successor.pem'), file('server.pem'))).not.toMatch(/: OK/);
});

test('a leaf cannot sign another certificate', async () => {
  await openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=forged',
    '-keyout',
    file('f.key'),
    '-out',
    file('f.csr'),
  );
  await openssl(
    'x509',
    '-req',
    '-in',
    file('f.csr'),
    '-CA',
    file('server.pem'),
    '-CAkey',
    file('server.key'),
    '-days',
    '1',
    '-out',
    file('f.pem'),
  );
  expect(await openssl('verify', '-CAfile', file('ca.pem'), '-untrusted', file('server.pem'), file('f.pem'))).toMatch(
    /invalid CA certificate/,
  );
});

test('an OpenSSL server and an OpenSSL client meet with our certificates over TLS 1.3', async () => {
  const port = await freePort();
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', file('server.pem'), '-key', file('server.key')];
  const server = spawn('openssl', [...args, '-CAfile', file('ca.pem'), '-Verify', '1', '-verify_return_error', '-tls1_3', '-www'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    await once(server.stdout, 'data');
    const client = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-cert',
      file('client.pem'),
      '-key',
      file('client.key'),
      '-CAfile',
      file('ca.pem'),
    ];
    const said = await openssl(...client, '-verify_return_error', '-verify_ip', '10.1.2.3', '-tls1_3', '-no_ign_eof');
    expect(said).toMatch(/Verify return code: 0 \(ok\)/);
    expect(said).toMatch(/TLSv1\.3/);
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
