import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import { runParts } from '#lib/base/parts.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemLog } from '#lib/base/system-log.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { readHttpTls } from '#lib/http/http-tls-files.ts';
import { findEndpointsBy } from '#lib/link/find-endpoints.ts';
import { watchFleet } from '#lib/link/watch-fleet.ts';
import { exporterProgram, terminalExporter } from './exporter.ts';
import { readPairCredentials } from './pair-credentials.ts';
import { parseExporterSettings } from './settings.ts';
import type { ExporterSettings } from './settings.ts';

const version = '0.1.0';

const command = {
  name: exporterProgram,
  summary: 'Follows the terminals of one hall and exposes them to Prometheus.',
  options: {
    config: { help: 'settings file in YAML', value: 'FILE' },
    'check-config': { help: 'read the settings and the files they name, say what is wrong, and leave' },
  },
} as const;

async function run(settings: ExporterSettings): Promise<number> {
  const { hall, pair, endpoint, http } = settings;
  const log = systemLog(command.name).with({ hall });
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  process.on('SIGINT', () => stop.abort());
  const link = {
    pairUid: pair.uid,
    findEndpoints: findEndpointsBy(endpoint, { clock: systemClock, log }),
    credentials: () => readPairCredentials(settings),
    clock: systemClock,
    random: systemRandom,
    log,
  };
  const tls = http.tls === undefined ? undefined : await readHttpTls(http.tls);
  const exporter = terminalExporter({
    hall,
    version,
    address: http.address,
    port: http.port,
    ...(tls === undefined ? {} : { tls }),
    watch: (signal) => watchFleet(link, signal),
    clock: systemClock,
    log,
  });
  const started = {
    name: 'ready',
    start: () => log.info({ ...exporter.http.listening }, 'listening'),
    stop: () => undefined,
    stopMaxMs: 100,
  };
  process.on('SIGHUP', () => void renewCertificate(exporter.http, http, log));
  try {
    await runParts([...exporter.parts, started], { clock: systemClock, log, signal: stop.signal });
    return exitCodes.ok;
  } catch (error) {
    log.error({ why: messageOf(error) }, 'stopped with errors');
    return exitCodes.failed;
  }
}

/** SIGHUP: the HTTP server takes a renewed certificate; one that is not good leaves the old in use. */
async function renewCertificate(
  server: ReturnType<typeof terminalExporter>['http'],
  { tls }: ExporterSettings['http'],
  log: ReturnType<typeof systemLog>,
): Promise<void> {
  if (tls === undefined) return;
  try {
    server.renewTls(await readHttpTls(tls));
    log.info({}, 'the certificate of the HTTP server was read again');
  } catch (error) {
    log.warn({ why: messageOf(error) }, 'the certificate of the HTTP server stays as it was');
  }
}

async function checkFiles(settings: ExporterSettings): Promise<void> {
  readPairCredentials(settings);
  if (settings.http.tls !== undefined) await readHttpTls(settings.http.tls);
}

async function main(): Promise<number> {
  const parsed = parseCommand(command, process.argv.slice(2));
  if (parsed.do === 'print') {
    (parsed.exitCode === exitCodes.ok ? process.stdout : process.stderr).write(parsed.text);
    return parsed.exitCode;
  }
  const file = parsed.line.text('config');
  if (file === undefined) {
    process.stderr.write(`${command.name}: --config FILE is required\n`);
    return exitCodes.usage;
  }
  try {
    const settings = parseExporterSettings(load(await readFile(file, 'utf8'), { filename: file }));
    await checkFiles(settings);
    if (!parsed.line.has('check-config')) return await run(settings);
    process.stdout.write('the settings are good\n');
    return exitCodes.ok;
  } catch (error) {
    process.stderr.write(`${command.name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

process.exitCode = await main();
