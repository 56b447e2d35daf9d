import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Pool } from 'undici';
import type { Clock } from '#lib/base/clock.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { KubeClient } from './client.ts';
import type { CallLimits } from './client.ts';
import { defineResource } from './objects.ts';
import type { RequestPorts } from './request.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';

/** What a real API server cannot be made to answer: the client against a server that says what it is told. */

const things = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });
const key = { namespace: 'hall', name: 'a' };
const { signal } = new AbortController();

type Reply = (request: IncomingMessage, response: ServerResponse) => void;
let replies: Reply[] = [];
let requests: { readonly method: string; readonly url: string; readonly headers: Readonly<Record<string, unknown>> }[] = [];
let server: Server;
let pool: Pool;
let refusals: number;
let suspected: string[];

beforeEach(async () => {
  [replies, requests, refusals, suspected] = [[], [], 0, []];
  server = createServer((request, response) => {
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    request.resume();
    const reply = replies.shift() ?? json(500, {});
    reply(request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  pool = new Pool(origin(), { headersTimeout: 0, bodyTimeout: 0 });
});

afterEach(async () => {
  await pool.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const text =
  (status: number, body: string): Reply =>
  (_request, response) =>
    void response.writeHead(status).end(body);
const reset: Reply = (request) => void request.socket.destroy();

function clientFor(limits: CallLimits = { deadlineMs: 20_000, attemptsMax: 3 }, change: Partial<RequestPorts> = {}): KubeClient {
  const connection = {
    host: 'test',
    route: async () => ({ dispatcher: pool, origin: origin(), basePath: '/clusters/one', headers: { authorization: 'Bearer hunter2' } }),
    refused: () => (refusals += 1) === 1,
    suspect: (lane: string) => void suspected.push(lane),
    close: async () => undefined,
  };
  return new KubeClient(
    { connection, clock: systemClock, random: seededRandom(1), log: silentLog, userAgent: 'test/1', ...change },
    limits,
  );
}

test('requests carry what they should, below the path of the server', async () => {
  replies = [json(200, aThing('a')), json(200, aThing('a')), json(200, aThing('a'))];
  const client = clientFor();
  await client.with({}, 'leader-election').get(things, key, signal);
  await client.update(things, aThing('a'), signal);
  await client.apply(things, aThing('a'), { fieldManager: 'ours', force: true, subresource: 'status' }, signal);
  const [get, put, apply] = requests;
  expect(get).toMatchObject({
    method: 'GET',
    url: '/clusters/one/apis/test/v1/namespaces/hall/things/a',
    headers: { authorization: 'Bearer hunter2', accept: 'application/json', 'user-agent': 'test/1 leader-election' },
  });
  expect(put).toMatchObject({ method: 'PUT', url: '/clusters/one/apis/test/v1/namespaces/hall/things/a?fieldValidation=Strict' });
  expect(put?.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'test/1' });
  expect(apply?.url).toBe('/clusters/one/apis/test/v1/namespaces/hall/things/a/status?fieldManager=ours&force=true&fieldValidation=Strict');
  expect(apply?.headers).toMatchObject({ 'content-type': 'application/apply-patch+yaml' });
});

test('reads and applies are repeated, other writes are not', async () => {
  const rows = [
    ['get', (client: KubeClient) => client.get(things, key, signal), 2],
    ['list', (client: KubeClient) => client.list(things, {}, signal).then(() => undefined), 2],
    ['apply', (client: KubeClient) => client.apply(things, aThing('a'), { fieldManager: 'x', force: true }, signal), 2],
    ['create', (client: KubeClient) => client.create(things, aThing('a'), signal), 1],
    ['update', (client: KubeClient) => client.update(things, aThing('a'), signal), 1],
    ['patch', (client: KubeClient) => client.patch(things, key, { type: 'merge', body: {} }, signal), 1],
    ['delete', (client: KubeClient) => client.delete(things, key, {}, signal), 1],
  ] as const;
  for (const [verb, call, expected] of rows) {
    for (const failure of [json(503, {}), json(429, {}), reset]) {
      requests = [];
      replies = [failure, json(200, verb === 'list' ? { items: [], metadata: {} } : aThing('a'))];
      await call(clientFor()).catch(() => undefined);
      expect([verb, requests.length]).toEqual([verb, expected]);
    }
  }
});

test('the pause that the server asks for is kept, unless it outlasts the deadline', async () => {
  replies = [json(429, { code: 429, reason: 'TooManyRequests' }, { 'retry-after': '1' }), json(200, aThing('a'))];
  const slept: number[] = [];
  const sleep: Clock['sleep'] = (ms, stop) => {
    slept.push(ms);
    return systemClock.sleep(ms, stop);
  };
  const limits = { deadlineMs: 20_000, attemptsMax: 3 };
  await clientFor(limits, { clock: { ...systemClock, sleep } }).get(things, key, signal);
  expect(slept.filter((ms) => ms !== limits.deadlineMs)).toEqual([1_000]);
  replies = [json(429, {}, { 'retry-after': '60' })];
  await expect(clientFor().get(things, key, signal)).rejects.toMatchObject({ code: 'HK_KUBE_BUSY', retryAfterMs: 60_000 });
});

test('attempts have an end, and refusals are not repeated at all', async () => {
  replies = [reset, reset, reset, reset];
  await expect(clientFor().get(things, key, signal)).rejects.toMatchObject({ code: 'HK_KUBE_UNREACHABLE' });
  expect(requests).toHaveLength(3);
  for (const status of [400, 403, 404, 409, 410, 422]) {
    requests = [];
    replies = [json(status, {})];
    await expect(clientFor().get(things, key, signal)).rejects.toMatchObject({ status });
    expect(requests).toHaveLength(1);
  }
});

test('refused credentials are asked for once more, for every verb', async () => {
  replies = [json(401, {}), json(200, aThing('a')), json(401, {})];
  await clientFor().create(things, aThing('a'), signal);
  await expect(clientFor().create(things, aThing('a'), signal)).rejects.toMatchObject({ code: 'HK_KUBE_UNAUTHORIZED' });
  expect([requests.length, refusals]).toEqual([3, 2]);
});

test('an answer that is not JSON is told without quoting it', async () => {
  for (const body of ['hunter2', '', '"hunter2"', '[1', 'null']) {
    replies = [text(200, body)];
    const error: unknown = await clientFor({ deadlineMs: 5_000, attemptsMax: 1 })
      .get(things, key, signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'HK_KUBE_GARBLED', retry: 'backoff' });
    expect(String(error) + JSON.stringify(error)).not.toContain('hunter2');
  }
  replies = [text(502, '<html>proxy</html>')];
  await expect(clientFor({ deadlineMs: 5_000, attemptsMax: 1 }).get(things, key, signal)).rejects.toMatchObject({
    code: 'HK_KUBE_SERVER',
    status: 502,
  });
  replies = [json(200, { metadata: {} })];
  await expect(clientFor().list(things, {}, signal)).rejects.toMatchObject({ code: 'HK_KUBE_GARBLED' });
});

test('a body that never ends costs the deadline', async () => {
  replies = [(_request, response) => void response.writeHead(200).write('{"metadata":')];
  await expect(clientFor({ deadlineMs: 200, attemptsMax: 3 }).get(things, key, signal)).rejects.toMatchObject({ code: 'HK_KUBE_DEADLINE' });
  expect(suspected).toEqual(['call']);
});

test('an object of another shape is refused by the type that knows better', async () => {
  const strict = defineResource<Thing>({
    ...things,
    validate: (object) => {
      if (object.kind !== 'Thing') throw new TypeError(`no Thing: ${object.kind}`);
      return object;
    },
  });
  replies = [json(200, { ...aThing('a'), kind: 'Other' }), json(200, { metadata: {}, items: [{ metadata: { name: 'a' } }] })];
  await expect(clientFor().get(strict, key, signal)).rejects.toThrow('no Thing: Other');
  expect((await clientFor().list(strict, {}, signal)).items).toMatchObject([{ apiVersion: 'test/v1', kind: 'Thing' }]);
});

test('every answer and every failure is counted once', async () => {
  const seen: string[] = [];
  const observer = {
    answered: ({ verb, method, code }: { verb: string; method: string; code: string }) => void seen.push(`${verb} ${method} ${code}`),
  };
  replies = [reset, json(404, { code: 404, reason: 'NotFound' }), json(200, aThing('a'))];
  const client = clientFor(undefined, { observer });
  await client.find(things, key, signal);
  await client.apply(things, aThing('a'), { fieldManager: 'x', force: true }, signal);
  expect(seen).toEqual(['get GET <error>', 'get GET 404', 'apply PATCH 200']);
});

test('a watch asks for bookmarks and ends a stream that outlives its time', async () => {
  const event = { type: 'ADDED', object: aThing('a') };
  replies = [(_request, response) => void response.writeHead(200).write(`${JSON.stringify(event)}\n`)];
  const clock = { ...systemClock, sleep: (ms: number, stop?: AbortSignal) => systemClock.sleep(ms === 6_000 ? 100 : ms, stop) };
  const events: unknown[] = [];
  const following = (async () => {
    const options = { namespace: 'hall', resourceVersion: '5', timeoutSeconds: 1 };
    for await (const each of clientFor(undefined, { clock }).watch(things, options, signal)) events.push(each);
  })();
  await expect(following).rejects.toMatchObject({ code: 'HK_KUBE_DEADLINE', verb: 'watch' });
  expect(events).toEqual([event]);
  expect(suspected).toEqual(['watch']);
  expect(requests[0]?.url).toBe(
    '/clusters/one/apis/test/v1/namespaces/hall/things?resourceVersion=5&timeoutSeconds=1&watch=true&allowWatchBookmarks=true',
  );
});

test('outside a pod there is no in-cluster configuration, and the error says so', () => {
  const ports = { clock: systemClock, random: seededRandom(1), log: silentLog, userAgent: 'test/1' };
  expect(() => KubeClient.inCluster(ports)).toThrow('KUBERNETES_SERVICE_HOST is not set');
});
