import { request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import type { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import type { MemberEvent } from '#lib/pair/events.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import type { Identity } from '#lib/pki/identity.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import type { Leaf } from '#lib/pki/leaf.ts';
import { hallAuthority, pairAuthority } from '#lib/pki/trust.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { freePort } from '#test/cluster/ports.ts';
import { AdminEndpoint } from './admin-endpoint.ts';
import type { MemberSettings } from './contract.ts';
import { askedOperations, formatMemberSettings } from './contract.ts';
import type { MemberStatus } from './contract-status.ts';
import { formatHeartbeat } from './heartbeat-line.ts';
import { dialPeer, peerProtocol } from './peer-link.ts';
import { someSettings } from './testing/settings.ts';

const trustDomain = 'hallkeeper.dev';
const pairUid = someSettings().pair.uid;
const dayMs = 86_400_000;
const member = (name: string): Identity => ({ kind: 'member', trustDomain, pairUid, name });
const operatorIdentity: Identity = { kind: 'operator', trustDomain };
const status = { member: 'a', role: 'primary' } as MemberStatus;
const waits = { maxMs: 20_000 } as const;

let authority: Authority;
let foreign: Authority;
let endpoint: AdminEndpoint;
let port: number;
let own: Leaf;
const events: MemberEvent[] = [];
const taken: { settings: MemberSettings; token: Secret }[] = [];
const asked: string[] = [];
const warnings: string[] = [];

const leaf = async (identity: Identity, how: { by?: Authority; nowMs?: number; lifetimeDays?: number } = {}): Promise<Leaf> =>
  await issueLeaf(how.by ?? authority, {
    identity,
    commonName: 'test',
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
    nowMs: how.nowMs ?? Date.now(),
    ...(how.lifetimeDays === undefined ? {} : { lifetimeDays: how.lifetimeDays }),
  });

/** Of an endpoint of member `a` on this port, which notes what it hears. */
const portsOf = (listens: number): ConstructorParameters<typeof AdminEndpoint>[0] => ({
  address: '127.0.0.1',
  port: listens,
  // The hall's authority is trusted for its own here, so that the identity alone is what refuses a terminal.
  tls: () => ({
    own,
    trust: [
      pairAuthority(authority.certificatePem, { trustDomain, pairUid }),
      hallAuthority(foreign.certificatePem, { trustDomain, hall: 'hall-7' }),
    ],
  }),
  peer: member('b'),
  operator: operatorIdentity,
  log: { ...silentLog, warn: (fields, message) => void warnings.push(`${message}: ${String(fields['why'] ?? fields['error'] ?? '')}`) },
  tell: (event) => void events.push(event),
  status: () => status,
  takeSettings: (settings, token) => {
    taken.push({ settings, token });
    return Promise.resolve();
  },
  ask: (what, { id, epoch }) => Promise.resolve(void asked.push(`${what} ${id} ${String(epoch)}`)),
});

beforeAll(async () => {
  const nowMs = Date.now() - 7 * dayMs;
  authority = await createAuthority({ commonName: 'pair', nowMs });
  foreign = await createAuthority({ commonName: 'foreign', nowMs });
  port = await freePort();
  own = await leaf(member('a'));
  endpoint = new AdminEndpoint(portsOf(port));
  await endpoint.start();
});
afterAll(() => endpoint.stop());

test('stops although somebody has connected and never says a word', async () => {
  const other = await freePort();
  const second = new AdminEndpoint({ ...portsOf(other), log: silentLog });
  await second.start();
  const silent = connectPlain({ host: '127.0.0.1', port: other });
  silent.on('error', () => undefined);
  try {
    await once(silent, 'connect');
    // The server must have taken the connection, or there is nothing to be closed.
    await expect(ask(await leaf(operatorIdentity), 'GET /v1/status', undefined, other)).resolves.toMatchObject({ code: 200 });
    const closed = once(silent, 'close');
    await second.stop();
    await closed;
  } finally {
    silent.destroy();
  }
}, 20_000);

function ask(client: Leaf | undefined, what: string, body?: string, to = port): Promise<{ readonly code: number; readonly text: string }> {
  const [method, path] = what.split(' ');
  const credentials = client === undefined ? {} : { cert: client.certificatePem, key: client.privateKeyPem.reveal() };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port: to, method, path, agent: false, ca: authority.certificatePem, ...credentials, timeout: 10_000 },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('end', () => resolve({ code: response.statusCode ?? 0, text }));
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}

/** Opens a connection as a peer does and sends text; resolves when it ends. */
function beat(client: Leaf, text: string, keepMs = 0): Promise<void> {
  return new Promise((resolve) => {
    const credentials = { cert: client.certificatePem, key: client.privateKeyPem.reveal(), ca: authority.certificatePem };
    const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: [peerProtocol], ...credentials }, () => {
      socket.write(text);
      if (keepMs > 0) setTimeout(() => socket.end(), keepMs);
    });
    socket.resume();
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });
}

describe('the administration port, asked by the operator', () => {
  test('answers with the status', async () => {
    const { code, text } = await ask(await leaf(operatorIdentity), 'GET /v1/status');
    expect({ code, status: JSON.parse(text) as unknown }).toEqual({ code: 200, status });
  });

  test('takes settings with their token', async () => {
    const settings = someSettings();
    const body = `{"settings":${formatMemberSettings(settings)},"token":"a-new-token"}`;
    const { code, text } = await ask(await leaf(operatorIdentity), 'PUT /v1/settings', body);
    expect({ code, answer: JSON.parse(text) as unknown }).toEqual({ code: 200, answer: { revision: 'r1' } });
    expect(taken.at(-1)?.settings).toEqual(settings);
    expect(taken.at(-1)?.token.reveal()).toBe('a-new-token');
  });

  for (const what of askedOperations) {
    test(`takes a ${what}, for any epoch or for one`, async () => {
      const client = await leaf(operatorIdentity);
      expect(await ask(client, `POST /v1/${what}`, '{"id":"op-1"}')).toMatchObject({ code: 202 });
      expect(await ask(client, `POST /v1/${what}`, '{"id":"op-2","epoch":7}')).toMatchObject({ code: 202 });
      expect(asked.splice(0)).toEqual([`${what} op-1 undefined`, `${what} op-2 7`]);
    });
  }

  const refused = [
    ['an unknown path', 'GET /v2/status', undefined, 404, 'there is GET /v1/status'],
    ['a known path with another method', 'DELETE /v1/status', undefined, 404, 'there is GET /v1/status'],
    ['a body that is no JSON', 'PUT /v1/settings', '{"settings":', 400, 'JSON'],
    ['settings with problems', 'PUT /v1/settings', '{"settings":{"formatVersion":7},"token":"t"}', 400, 'formatVersion must be'],
    ['settings without a token', 'PUT /v1/settings', `{"settings":${formatMemberSettings(someSettings())}}`, 400, 'token'],
    ['settings that are null', 'PUT /v1/settings', 'null', 400, 'token'],
    ['a switchover without an id', 'POST /v1/switchover', '{}', 400, 'id is required'],
    ['a switchover whose id is a path', 'POST /v1/switchover', '{"id":"../x"}', 400, 'lower-case letters'],
    ['a drill for an epoch that is none', 'POST /v1/kill', '{"id":"x","epoch":-1}', 400, 'epoch must be'],
    ['a body of a megabyte', 'PUT /v1/settings', 'x'.repeat(1_048_576), 400, 'a body of more than'],
  ] as const;
  for (const [what, line, body, code, says] of refused) {
    test(`${what} is refused with what to do, and changes nothing`, async () => {
      const before = { taken: taken.length, asked: asked.length };
      const answer = await ask(await leaf(operatorIdentity), line, body).catch((error: unknown) => ({
        code: 400,
        text: `a body of more than ${String(error)}`,
      }));
      expect(answer.code).toBe(code);
      expect(answer.text).toContain(says);
      expect({ taken: taken.length, asked: asked.length }).toEqual(before);
    });
  }
});

describe('who may use the administration port', () => {
  const strangers: readonly (readonly [string, () => Promise<Leaf | undefined>, RegExp])[] = [
    ['nobody in particular', () => Promise.resolve(undefined), /certificate/],
    ['the peer, as if it were the operator', () => leaf(member('b')), /expected spiffe.*operator/],
    ['a database client', () => leaf({ kind: 'client', trustDomain, pairUid, role: 'app' }), /expected/],
    ['a terminal of the hall', () => leaf({ kind: 'terminal', trustDomain, hall: 'hall-7', name: 't-1' }, { by: foreign }), /expected/],
    ['an operator signed by the hall', () => leaf(operatorIdentity, { by: foreign }), /may not speak for/],
    [
      'an operator whose certificate has expired',
      () => leaf(operatorIdentity, { nowMs: Date.now() - 3 * dayMs, lifetimeDays: 1 }),
      /expired/,
    ],
    [
      'an operator of an unknown authority',
      async () => await leaf(operatorIdentity, { by: await createAuthority({ commonName: 'unknown', nowMs: Date.now() }) }),
      /certificate/,
    ],
  ];
  for (const [who, make, why] of strangers) {
    test(`${who} gets no answer, and the log says why`, async () => {
      const before = warnings.length;
      const answer = await ask(await make(), 'GET /v1/status').catch(() => 'no answer');
      expect(answer).toBe('no answer');
      await eventually('the refusal is logged', () => warnings.length > before, waits);
      expect(warnings.slice(before).join('\n')).toMatch(why);
    });
  }
});

describe('heartbeats', () => {
  const heartbeat = {
    from: 'b',
    record: undefined,
    postgres: 'running',
    role: 'standby',
    data: 'complete',
    timeline: 3,
    flush: 7n,
    replay: 7n,
    localCanaryAgeMs: 0,
    handingOver: false,
    stopping: false,
    leaving: undefined,
    letsGo: undefined,
    acknowledged: 0n,
    committed: 0n,
    healthy: true,
  } as const;

  test('of the peer are heard, in pieces too, and the end of its connection is news', async () => {
    events.length = 0;
    const line = formatHeartbeat(heartbeat);
    await beat(await leaf(member('b')), `${line}${line}garbage\n${line.slice(0, 20)}`, 200);
    await eventually('the end was told', () => events.some(({ on }) => on === 'peerLink'), waits);
    expect(events).toEqual([
      { on: 'heartbeat', heartbeat },
      { on: 'heartbeat', heartbeat },
      { on: 'peerLink', link: 'ended' },
    ]);
  });

  test('of anybody else are not heard', async () => {
    for (const client of [await leaf(operatorIdentity), await leaf(member('a')), await leaf(member('b'), { by: foreign })]) {
      events.length = 0;
      await beat(client, formatHeartbeat(heartbeat));
      expect(events).toEqual([]);
    }
  });

  test('are answered with one byte for every third, and a newer connection takes the place of an older one without news', async () => {
    events.length = 0;
    const client = await leaf(member('b'));
    const credentials = { cert: client.certificatePem, key: client.privateKeyPem.reveal(), ca: authority.certificatePem };
    const dial = (): { socket: TLSSocket; answers: () => number; ended: Promise<void> } => {
      const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: [peerProtocol], ...credentials });
      let bytes = 0;
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => (bytes += chunk.length));
      return { socket, answers: () => bytes, ended: new Promise((resolve) => socket.once('close', () => resolve())) };
    };
    const line = formatHeartbeat(heartbeat);
    const older = dial();
    older.socket.write(line.repeat(7));
    await eventually('all are heard', () => events.length === 7, waits);
    await eventually('every third is answered', () => older.answers() === 2, waits);
    const newer = dial();
    newer.socket.write(line.repeat(3));
    await eventually('the newer one is answered', () => newer.answers() === 1, waits);
    await older.ended;
    expect(events).toEqual(Array.from({ length: 10 }, () => ({ on: 'heartbeat', heartbeat })));
    newer.socket.destroy();
    await eventually('its end is told', () => events.some(({ on }) => on === 'peerLink'), waits);
  });

  test('that nobody answers are sent on a new connection: the old one may have been cut', async () => {
    const connections: TLSSocket[] = [];
    const silent = createServer(
      { cert: own.certificatePem, key: own.privateKeyPem.reveal(), ca: authority.certificatePem, ALPNProtocols: [peerProtocol] },
      (socket) => {
        socket.on('error', () => undefined);
        connections.push(socket);
        // It takes everything, as the buffers on the way into a cut do.
        socket.resume();
      },
    );
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const stop = new AbortController();
    const dialler = await leaf(member('b'));
    const dialling = dialPeer(
      {
        clock: systemClock,
        log: silentLog,
        address: '127.0.0.1',
        port: (silent.address() as AddressInfo).port,
        periodMs: 20,
        tls: () => ({ own: dialler, trust: [pairAuthority(authority.certificatePem, { trustDomain, pairUid })], expected: member('a') }),
        heartbeat: () => heartbeat,
        tell: () => undefined,
      },
      stop.signal,
    );
    await eventually('it dials anew', () => connections.length >= 2, waits);
    stop.abort(new Error('enough'));
    await dialling;
    await new Promise<void>((resolve) => silent.close(() => resolve()));
  });

  test('a line without an end is cut off', async () => {
    events.length = 0;
    await beat(await leaf(member('b')), 'x'.repeat(1_000_000));
    expect(events.filter(({ on }) => on === 'heartbeat')).toEqual([]);
  });
});

test('a renewed certificate is shown to the next connection', async () => {
  const serial = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca: authority.certificatePem }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.once('error', reject);
    });
  const before = await serial();
  own = await leaf(member('a'));
  expect(await serial()).toBe(before);
  endpoint.renewTls();
  expect(await serial()).not.toBe(before);
});

test('a port that is taken is a clear error', async () => {
  const second = new AdminEndpoint({
    address: '127.0.0.1',
    port,
    tls: () => ({ own, trust: [] }),
    peer: member('b'),
    operator: operatorIdentity,
    log: silentLog,
    tell: () => undefined,
    status: () => status,
    takeSettings: () => Promise.resolve(),
    ask: () => Promise.resolve(),
  });
  await expect(second.start()).rejects.toMatchObject({
    code: 'HK_MEMBER_LISTEN',
    message: expect.stringContaining(`127.0.0.1:${port}`) as string,
  });
});
