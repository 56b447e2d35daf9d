import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#test/cluster/eventually.ts';
import { startPrometheus } from '#test/cluster/prometheus.ts';
import type { Prometheus } from '#test/cluster/prometheus.ts';
import type { BoardJson } from './board-json.ts';
import { boardFiles, boardsWithoutData, boards, emptyIsNormal } from './boards.ts';
import { dashboardQueries, noData, queriesWithoutData, wholeHour } from './dashboard-queries.ts';
import { hallExposition } from './testing/hall-exposition.ts';

const queries = [...boardFiles().values()].flatMap((text) => dashboardQueries(JSON.parse(text) as BoardJson));

let exporter: Server;
let prometheus: Prometheus;
let scrapes = 0;

beforeAll(async () => {
  exporter = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(hallExposition(scrapes, Date.now() / 1_000));
    scrapes += 1;
  });
  exporter.listen(0, '127.0.0.1');
  await once(exporter, 'listening');
  const { port } = exporter.address() as AddressInfo;
  prometheus = await startPrometheus({
    config: {
      global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
      scrape_configs: [{ job_name: 'hall', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
    },
  });
});

afterAll(async () => {
  await prometheus?.stop();
  exporter?.closeAllConnections();
  exporter?.close();
});

test('every query of every board has data from a hall with a pair that has failed over', async () => {
  await eventually('Prometheus has scraped a few times', () => scrapes > 10, { maxMs: 60_000 });
  const failed = await eventually(
    'every query has data',
    async () => {
      const left = await queriesWithoutData(prometheus.url, queries);
      return left.length === 0 ? left : undefined;
    },
    { maxMs: 20_000, everyMs: 500 },
  ).catch(() => queriesWithoutData(prometheus.url, queries));
  expect(failed).toEqual([]);
});

test('all boards together have data; of a hall that says nothing every query is reported but those that may be empty', async () => {
  expect(await boardsWithoutData(prometheus.url)).toEqual([]);
  await using silent = await startPrometheus({ config: {} });
  const mayBeEmpty = Object.values(boards).reduce((sum, plan) => sum + emptyIsNormal(plan).size, 0);
  expect(mayBeEmpty).toBeGreaterThan(0);
  expect(await boardsWithoutData(silent.url)).toHaveLength(queries.length - mayBeEmpty);
});

test('the queries narrow to the hall that is chosen: none has data for a hall that does not exist', async () => {
  const other = [...boardFiles().values()].flatMap((text) =>
    dashboardQueries(JSON.parse(text) as BoardJson, { ...wholeHour, hall: 'south' }),
  );
  expect(await queriesWithoutData(prometheus.url, other)).toHaveLength(other.length);
});

test('a query without data and one that Prometheus refuses are both reported', async () => {
  const failed = await queriesWithoutData(prometheus.url, [
    { panel: 'p', refId: 'A', expr: 'up' },
    { panel: 'p', refId: 'B', expr: 'hallkeeper_no_such_metric' },
    { panel: 'p', refId: 'C', expr: 'sum(' },
  ]);
  expect(failed.map(({ refId, problem }) => `${refId}: ${problem}`)).toEqual([`B: ${noData}`, expect.stringMatching(/^C: .*parse error/)]);
});

test('the worst terminals are those that lost time, and the last failover shows every phase', async () => {
  const [lost] = await prometheus.query(queries.find(({ panel }) => panel === 'Worst terminals in numbers')?.expr ?? '');
  expect(lost).toMatchObject({ labels: { hall: 'north', terminal: 't-03' } });
  expect(lost?.value).toBeGreaterThan(0);
  const phases = await prometheus.query(queries.find(({ panel }) => panel === 'Last failover by phase')?.expr ?? '');
  expect(new Set(phases.map(({ labels }) => labels['phase']))).toEqual(new Set(['detect', 'decide', 'fence', 'promote', 'open', 'route']));
  const [primary] = await prometheus.query(queries.find(({ panel }) => panel === 'Primary')?.expr ?? '');
  expect(primary?.labels['member']).toBe('b');
});
