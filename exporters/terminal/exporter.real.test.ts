import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { clientCredentials } from '#lib/link/credentials.ts';
import { watchFleet } from '#lib/link/watch-fleet.ts';
import type { WatchAnswer } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { anyMemberOf, clientTls, pairAuthority } from '#lib/pki/trust.ts';
import { startChild } from '#test/cluster/child.ts';
import type { Child } from '#test/cluster/child.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { freePort } from '#test/cluster/ports.ts';
import { startPrometheus } from '#test/cluster/prometheus.ts';
import type { Prometheus } from '#test/cluster/prometheus.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { aMeasurement, aSnapshot, aTerminal, measurementsOf } from './testing/fleet-events.ts';
import { startFleetServer } from './testing/fleet-server.ts';

const hall = 'north';
const pairUid = '5f0c-north';
const program = fileURLToPath(new URL('main.ts', import.meta.url));
const maxMs = 90_000;

let folder: TemporaryFolder;
let pairCa: Authority;
let hallCa: Authority;
let memberPorts: readonly [number, number];

beforeAll(async () => {
  folder = await temporaryFolder('exporter');
  const nowMs = Date.now();
  pairCa = await createAuthority({ commonName: 'hallkeeper-north-ca', nowMs });
  hallCa = await createAuthority({ commonName: 'hallkeeper-hall-north-ca', nowMs });
  const leaf = await issueLeaf(hallCa, {
    identity: { kind: 'exporter', trustDomain: 'hallkeeper.dev', hall, name: 'terminal' },
    commonName: 'hallkeeper-exporter',
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
    nowMs,
  });
  await writeFile(path('pair-ca.pem'), pairCa.certificatePem);
  await writeFile(path('hall-ca.pem'), hallCa.certificatePem);
  await writeFile(path('own.pem'), leaf.certificatePem);
  await writeFile(path('own.key'), leaf.privateKeyPem.reveal(), { mode: 0o600 });
  memberPorts = [await freePort(), await freePort()];
});

afterAll(() => folder.remove());

const path = (name: string): string => join(folder.path, name);

const writeSettings = async (name: string, httpPort: number): Promise<string> => {
  const settings = {
    hall,
    pair: { uid: pairUid },
    endpoint: { port: 7443, addresses: memberPorts.map((port) => `127.0.0.1:${port}`) },
    tls: { certificateFile: path('own.pem'), keyFile: path('own.key'), pairCaFile: path('pair-ca.pem') },
    http: {
      port: httpPort,
      tls: { certificateFile: path('own.pem'), keyFile: path('own.key'), clientCaFile: path('hall-ca.pem') },
    },
  };
  await writeFile(path(name), JSON.stringify(settings));
  return path(name);
};

const answers = (epoch: bigint, terminals: readonly string[], onlineMs: bigint): readonly WatchAnswer[] => [
  {
    pairUid,
    epoch,
    body: {
      $case: 'snapshot',
      value: aSnapshot(
        terminals.map((name) => aTerminal(name)),
        hall,
      ),
    },
  },
  { pairUid, epoch, body: { $case: 'measurements', value: measurementsOf(terminals.map((name) => aMeasurement(name, onlineMs))) } },
];

const startMember = (member: 0 | 1, says: readonly WatchAnswer[]): Promise<AsyncDisposable> =>
  startFleetServer({ member: `m${member}`, pairUid, hall, pairCa, hallCa, port: memberPorts[member], says, nowMs: Date.now() });

const startExporter = async (name: string, port: number): Promise<Child> =>
  startChild({
    name,
    command: process.execPath,
    args: [program, '--config', await writeSettings(`${name}.yaml`, port)],
    directory: folder.path,
    workingFolder: fileURLToPath(new URL('../..', import.meta.url)),
  });

const scrapeConfig = (port: number): object => ({
  global: { scrape_interval: '1s', scrape_timeout: '900ms' },
  scrape_configs: [
    {
      job_name: 'terminals',
      scheme: 'https',
      tls_config: { ca_file: path('hall-ca.pem'), cert_file: path('own.pem'), key_file: path('own.key') },
      static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    },
  ],
});

const valueOf = async (prometheus: Prometheus, expression: string): Promise<number | undefined> =>
  (await prometheus.query(expression))[0]?.value;

const becomes = (prometheus: Prometheus, expression: string, value: number | undefined): Promise<unknown> =>
  eventually(`${expression} becomes ${value}`, async () => (await valueOf(prometheus, expression)) === value, { maxMs, everyMs: 200 });

test('a real Prometheus sees the terminals, the loss of the hall server, and the take-over', async () => {
  const port = await freePort();
  await using exporter = await startExporter('scraped', port);
  await using prometheus = await startPrometheus({ config: scrapeConfig(port) as Record<string, unknown> });
  await becomes(prometheus, 'hallkeeper_hall_up', 0);
  {
    await using _first = await startMember(0, answers(1n, ['t-1', 't-2'], 60_000n));
    await becomes(prometheus, 'hallkeeper_hall_up', 1);
    await becomes(prometheus, 'hallkeeper_terminal_state{state="online"} == 1 and on (terminal) hallkeeper_terminal_info{model="M-5"}', 1);
    await becomes(prometheus, 'hallkeeper_terminal_state_seconds_total{terminal="t-2", state="online"}', 60);
    expect(await valueOf(prometheus, 'count(hallkeeper_terminal_state)')).toBe(12);
  }
  // The hall server is gone: the exporter still answers, and nothing old is shown as present.
  await becomes(prometheus, 'hallkeeper_hall_up', 0);
  await becomes(prometheus, 'count(hallkeeper_terminal_state)', undefined);
  expect(await valueOf(prometheus, 'up')).toBe(1);
  await using _second = await startMember(1, answers(2n, ['t-2'], 61_000n));
  await becomes(prometheus, 'hallkeeper_hall_up', 1);
  await becomes(prometheus, 'hallkeeper_terminal_state_seconds_total{terminal="t-2", state="online"}', 61);
  expect(await prometheus.query('hallkeeper_terminal_state{terminal="t-1"}')).toEqual([]);
  expect(await valueOf(prometheus, 'resets(hallkeeper_terminal_state_seconds_total{terminal="t-2", state="online"}[5m])')).toBe(0);
  expect(await valueOf(prometheus, 'hallkeeper_scrape_collector_success{collector="fleet"}')).toBe(1);
  expect(await valueOf(prometheus, 'count(hallkeeper_scrape_series)')).toBe(1);
  await exporter.stop();
  expect(await exporter.exited).toEqual({ code: 0, signal: null });
}, 300_000);

test('what a newer hall server says that this version does not know is passed over', async () => {
  const body = undefined;
  const [told, measured] = answers(3n, ['t-1'], 1n);
  if (told === undefined || measured === undefined) throw new Error('there are two answers');
  await using _member = await startMember(0, [{ pairUid, epoch: 3n, body }, told, { pairUid, epoch: 3n, body }, measured]);
  const stop = new AbortController();
  const own = {
    certificatePem: await readFile(path('own.pem'), 'utf8'),
    privateKeyPem: new Secret(await readFile(path('own.key'), 'utf8')),
  };
  const identity = { trustDomain: 'hallkeeper.dev', pairUid };
  const trust = [pairAuthority(pairCa.certificatePem, identity)];
  const link = {
    pairUid,
    findEndpoints: () => Promise.resolve([{ address: '127.0.0.1', port: memberPorts[0] }]),
    credentials: () => clientCredentials(clientTls(own, trust, { expected: anyMemberOf(identity) })),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
  const kinds: string[] = [];
  for await (const event of watchFleet(link, stop.signal)) {
    kinds.push(event.kind);
    if (kinds.length === 2) stop.abort();
  }
  expect(kinds).toEqual(['snapshot', 'measurements']);
});

test('who has no certificate of the hall is not let in', async () => {
  const port = await freePort();
  await using exporter = await startExporter('closed', port);
  await eventually('the exporter listens', async () => (await exporter.logTail()).includes('"msg":"listening"'), { maxMs });
  const call = get({ host: '127.0.0.1', port, path: '/metrics', ca: hallCa.certificatePem, agent: false });
  const [error] = (await once(call, 'error')) as [Error & { code?: string }];
  expect(error.code).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
});

const run = promisify(execFile);

test('--check-config says what is wrong, all at once, and that good settings are good', async () => {
  const good = await run(process.execPath, [program, '--check-config', '--config', await writeSettings('good.yaml', 0)]);
  expect(good.stdout).toBe('the settings are good\n');
  await writeFile(path('bad.yaml'), 'hall: North\ninterval: 5s\n');
  const bad = run(process.execPath, [program, '--check-config', '--config', path('bad.yaml')]);
  await expect(bad).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/pair is required.*hall must be.*interval is not a known setting/s) as string,
  });
  await expect(run(process.execPath, [program])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--config FILE is required') as string,
  });
});
