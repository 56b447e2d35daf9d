import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import type { LogFields } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { defineFamilies } from '#lib/exposition/family.ts';
import type { Collector, Samples } from '#lib/exposition/samples.ts';
import { SeriesTable } from '#lib/exposition/series-table.ts';
import { ValueColumn } from '#lib/exposition/value-column.ts';
import type { HttpServer } from './http-server.ts';
import { scrapeLimitMs } from './metrics-endpoint.ts';
import { metricsServer } from './metrics-server.ts';
import type { MetricsServerOptions } from './metrics-server.ts';

const open: HttpServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop();
});

const aServer = async (change: Partial<MetricsServerOptions> = {}): Promise<string> => {
  const server = metricsServer({
    program: 'hallkeeper-test',
    version: '1.2.3',
    address: '127.0.0.1',
    port: 0,
    summary: 'For <tests>.',
    collectors: [],
    checks: { healthy: [], ready: [] },
    clock: systemClock,
    log: silentLog,
    ...change,
  });
  open.push(server);
  await server.start();
  return `http://127.0.0.1:${server.listening.port}`;
};

const { step } = defineFamilies({ step: { name: 'stairs_step', kind: 'gauge', labels: { step: 'any' }, help: 'Step.', since: '0.1.0' } });

/** Twenty thousand series: over a megabyte, more than any socket buffers. */
const stairs = (): Collector => {
  const table = new SeriesTable({ step: 'any' }, { rowsMax: 20_000 });
  const column = new ValueColumn(table, step);
  for (let index = 0; index < 20_000; index += 1) column.set(table.add({ step: `${'a long name '.repeat(5)}${index}` }), index);
  return { name: 'stairs', collect: () => [column.freeze()] };
};

/** The same, but rendering fails when most of it was sent. */
const brokenStairs = (): Collector => {
  const good = stairs();
  const breakAt = 15_000;
  const broken = ({ write, ...rest }: Samples): Samples => ({
    ...rest,
    write: (out, from) => {
      if (from >= breakAt) throw new Error('a stair is missing');
      return write(out, from);
    },
  });
  return { name: 'stairs', collect: (signal) => (good.collect(signal) as readonly Samples[]).map(broken) };
};

const openMetrics = 'application/openmetrics-text;version=1.0.0';

test('the format and its content type go together, and caches are told what they depend on', async () => {
  const url = await aServer({ collectors: [stairs()] });
  const text = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain', 'accept-encoding': 'identity' } });
  expect(text.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text.headers.get('content-encoding')).toBeNull();
  expect(text.headers.get('vary')).toBe('Accept, Accept-Encoding');
  const textBody = await text.text();
  const om = await fetch(`${url}/metrics`, { headers: { accept: openMetrics, 'accept-encoding': 'gzip' } });
  expect(om.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(om.headers.get('content-encoding')).toBe('gzip');
  const omBody = await om.text();
  expect(omBody.endsWith('# EOF\n')).toBe(true);
  const steps = (body: string): readonly string[] => body.split('\n').filter((line) => line.startsWith('stairs_step{'));
  expect(steps(textBody)).toHaveLength(20_000);
  expect(steps(omBody)).toEqual(steps(textBody));
  expect(textBody).toMatch(/^hallkeeper_build_info\{program="hallkeeper-test",version="1\.2\.3",node_version="24[^"]*"\} 1$/m);
  expect(textBody).toMatch(/^hallkeeper_scrape_collector_success\{collector="program"\} 1$/m);
});

test('HEAD tells the same headers without a body', async () => {
  const answer = await fetch(`${await aServer()}/metrics`, { method: 'HEAD', headers: { accept: openMetrics } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('openmetrics');
  expect(await answer.text()).toBe('');
});

test.each(['identity', 'gzip'])('an error after the first byte destroys the connection (%s)', async (encoding) => {
  const url = await aServer({ collectors: [brokenStairs()] });
  const answer = await fetch(`${url}/metrics`, { headers: { 'accept-encoding': encoding } });
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow('terminated');
  expect((await fetch(`${url}/-/healthy`)).status).toBe(200);
});

/** Sends a request and reads nothing. */
const silentReader = async (url: string, headers: string): Promise<Socket> => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.pause();
  await once(socket, 'connect');
  socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
  return socket;
};

/** The stairs a hundred thousand times over: nobody gets to the end of it. */
const endless = (rendered: { lines: number }): Collector => ({
  name: 'endless',
  collect: (signal) => {
    const samples = (stairs().collect(signal) as readonly Samples[])[0]!;
    const write: Samples['write'] = (out, from) => {
      const next = from - (from % samples.end) + samples.write(out, from % samples.end);
      rendered.lines += next - from;
      return next;
    };
    return [{ family: samples.family, lines: samples.lines, end: samples.end * 100_000, write }];
  },
});

test.each(['identity', 'gzip'])('a reader that stops is cut off at the end of its scrape timeout (%s)', async (encoding) => {
  const rendered = { lines: 0 };
  const cutOff = Promise.withResolvers<string>();
  const log = { ...silentLog, warn: (fields: LogFields) => cutOff.resolve(String(fields['error'])) };
  const url = await aServer({ collectors: [endless(rendered)], log });
  const socket = await silentReader(url, `Accept-Encoding: ${encoding}\r\nX-Prometheus-Scrape-Timeout-Seconds: 1`);
  expect(await cutOff.promise).toContain('sending the metrics');
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
  const { lines } = rendered;
  expect(lines).toBeGreaterThan(0);
  // What the sockets of both sides buffer, some megabytes, is all that is ever rendered; compressed it holds more lines.
  if (encoding === 'identity') expect(lines).toBeLessThan(500_000);
  await fetch(`${url}/-/healthy`);
  expect(rendered.lines).toBe(lines);
});

test('two readers beside each other get the whole set each', async () => {
  const url = await aServer({ collectors: [stairs()] });
  const bodies = await Promise.all([1, 2].map(async () => (await fetch(`${url}/metrics`)).text()));
  for (const body of bodies) expect(body.match(/^stairs_step\{/gm)).toHaveLength(20_000);
});

/** One scrape from an address of this machine's own; 127.0.0.0/8 is all of it. */
const scrapeFrom = async (url: string, localAddress: string): Promise<{ status: number | undefined; retryAfter: string | undefined }> => {
  const asked = get(`${url}/metrics`, { localAddress, agent: false });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode, retryAfter: answer.headers['retry-after'] };
};

test('more scrapes at once than the bound, of all or of one address, are asked to come back', async () => {
  const waiting = Promise.withResolvers<readonly Samples[]>();
  const url = await aServer({ collectors: [{ name: 'slow', collect: () => waiting.promise }] });
  const refused = { status: 503, retryAfter: '1' };
  const first = Array.from({ length: 5 }, () => scrapeFrom(url, '127.0.0.1'));
  expect(await Promise.race(first)).toEqual(refused);
  const second = Array.from({ length: 5 }, () => scrapeFrom(url, '127.0.0.2'));
  expect(await Promise.race(second)).toEqual(refused);
  expect(await scrapeFrom(url, '127.0.0.3')).toEqual(refused);
  waiting.resolve([]);
  const statuses = (await Promise.all([...first, ...second])).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(8);
  expect(await scrapeFrom(url, '127.0.0.1')).toMatchObject({ status: 200 });
});

test('readers of one host that never read do not keep another host from its metrics', async () => {
  const url = await aServer({ collectors: [endless({ lines: 0 })] });
  const header = 'Accept-Encoding: identity\r\nX-Prometheus-Scrape-Timeout-Seconds: 120';
  const silent = await Promise.all(Array.from({ length: 8 }, () => silentReader(url, header)));
  // The places of this address are taken when it is refused itself.
  await vi.waitFor(async () => expect(await scrapeStatus(url, '127.0.0.1')).toBe(503), { timeout: 10_000 });
  expect(await scrapeStatus(url, '127.0.0.2')).toBe(200);
  for (const socket of silent) socket.destroy();
});

/** The status alone: the body is not waited for. */
const scrapeStatus = async (url: string, localAddress: string): Promise<number | undefined> => {
  const asked = get(`${url}/metrics`, { localAddress, agent: false });
  asked.on('error', () => undefined);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  asked.destroy();
  return answer.statusCode;
};

test('a collector that never answers does not hold the scrape beyond its timeout', async () => {
  const url = await aServer({ collectors: [{ name: 'stuck', collect: () => new Promise(() => undefined) }] });
  const answer = await fetch(`${url}/metrics`, { headers: { 'x-prometheus-scrape-timeout-seconds': '0.5' } });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toMatch(/^hallkeeper_scrape_collector_success\{collector="stuck"\} 0$/m);
});

test.each([
  { header: undefined, ms: 10_000 },
  { header: '5', ms: 5_000 },
  { header: '2.5', ms: 2_500 },
  { header: '0.000001', ms: 100 },
  { header: '25', ms: 25_000 },
  { header: '120', ms: 30_000 },
  { header: '999999', ms: 30_000 },
  { header: 'soon', ms: 10_000 },
  { header: '-1', ms: 10_000 },
  { header: ['1', '2'], ms: 10_000 },
])('a scrape timeout of $header gives $ms ms', ({ header, ms }) => expect(scrapeLimitMs(header)).toBe(ms));

const checks = {
  healthy: [{ name: 'alive', problem: () => undefined }],
  ready: [
    { name: 'feed', problem: () => 'the hall is away' },
    { name: 'files', problem: () => undefined },
    {
      name: 'odd',
      problem: (): string => {
        throw new Error('secret');
      },
    },
  ],
};

test.each([
  { path: '/-/healthy', status: 200, body: '[+] alive\nok\n' },
  { path: '/-/healthy/alive', status: 200, body: '[+] alive\nok\n' },
  { path: '/-/ready', status: 503, body: '[-] feed: the hall is away\n[+] files\n[-] odd: the check itself failed\nnot ok\n' },
  { path: '/-/ready/files', status: 200, body: '[+] files\nok\n' },
  { path: '/-/ready/feed?verbose', status: 503, body: '[-] feed: the hall is away\nnot ok\n' },
  { path: '/-/ready/nobody', status: 404, body: 'no such check; there are: feed, files, odd\n' },
  { path: '/nowhere', status: 404, body: 'there is nothing here; look at /\n' },
])('$path answers $status', async ({ path, status, body }) => {
  const answer = await fetch(`${await aServer({ checks })}${path}`);
  expect([answer.status, await answer.text()]).toEqual([status, body]);
});

test('a check that is an object of its own keeps it, and one that throws is told once with its reason, not once per probe', async () => {
  class Feed {
    readonly name = 'feed';
    readonly #state = 'lost';
    failsWith: string | undefined = 'first';
    problem(): string {
      if (this.failsWith !== undefined) throw new Error(this.failsWith);
      return `the feed is ${this.#state}`;
    }
  }
  const feed = new Feed();
  const told: LogFields[] = [];
  const log = { ...silentLog, error: (fields: LogFields) => void told.push(fields) };
  const url = await aServer({ checks: { healthy: [], ready: [feed] }, log });
  const ask = async (): Promise<string> => (await fetch(`${url}/-/ready`)).text();
  for (const each of [1, 2]) expect([each, await ask()]).toEqual([each, '[-] feed: the check itself failed\nnot ok\n']);
  expect(told).toEqual([{ check: 'feed', error: 'first' }]);
  feed.failsWith = undefined;
  expect(await ask()).toBe('[-] feed: the feed is lost\nnot ok\n');
  feed.failsWith = 'again';
  await ask();
  expect(told).toHaveLength(2);
});

test('checks answer in JSON to who accepts it', async () => {
  const answer = await fetch(`${await aServer({ checks })}/-/ready/feed`, { headers: { accept: 'application/json' } });
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(await answer.json()).toEqual({ ok: false, checks: [{ name: 'feed', ok: false, problem: 'the hall is away' }] });
});

test('the landing page links to what there is, with its text escaped', async () => {
  const answer = await fetch(await aServer());
  const page = await answer.text();
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  for (const path of ['/metrics', '/-/healthy', '/-/ready']) expect(page).toContain(`href="${path}"`);
  expect(page).toContain('For &lt;tests&gt;.');
});

test.each([
  { behaviour: 'writing methods are refused', request: { method: 'DELETE' }, status: 405 },
  { behaviour: 'bodies are refused', request: { method: 'POST', body: 'x' }, status: 405 },
])('$behaviour', async ({ request, status }) => {
  const answer = await fetch(`${await aServer()}/metrics`, request);
  expect([answer.status, answer.headers.get('allow')]).toEqual([status, 'GET, HEAD']);
});

test('a header larger than the bound is refused', async () => {
  const answer = await fetch(await aServer(), { headers: { 'x-long': 'x'.repeat(20_000) } });
  expect(answer.status).toBe(431);
});

test('a port that is taken is told with its address', async () => {
  const { port } = new URL(await aServer());
  await expect(aServer({ port: Number(port) })).rejects.toMatchObject({
    code: 'HK_HTTP_LISTEN',
    message: expect.stringContaining(`127.0.0.1:${port}`) as string,
  });
  open.pop();
});

test('stopping ends a scrape under way', async () => {
  const url = await aServer({ collectors: [endless({ lines: 0 })] });
  const answer = await fetch(`${url}/metrics`);
  const [server] = open.splice(0);
  await server?.stop();
  await expect(answer.text()).rejects.toThrow('terminated');
  await expect(fetch(url)).rejects.toThrow('fetch failed');
});
