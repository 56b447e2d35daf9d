import { readYamlFile } from '#lib/base/documents.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { runParts } from '#lib/base/parts.ts';
import { runProgram } from '#lib/base/system-program.ts';
import type { ProgramPorts } from '#lib/base/system-program.ts';
import { productVersion } from '#lib/base/version.ts';
import type { HttpServer, HttpTls } from '#lib/http/http-server.ts';
import { readHttpTls } from '#lib/http/http-tls-files.ts';
import type { HttpTlsFiles } from '#lib/http/http-settings.ts';
import { findEndpointsBy } from '#lib/link/find-endpoints.ts';
import { watchFleet } from '#lib/link/watch-fleet.ts';
import { exporterProgram, terminalExporter } from './exporter.ts';
import { readPairCredentials } from './pair-credentials.ts';
import { parseExporterSettings } from './settings.ts';
import type { ExporterSettings } from './settings.ts';

interface Loaded {
  readonly settings: ExporterSettings;
  readonly tls: HttpTls | undefined;
}

async function load(file: string): Promise<Loaded> {
  const settings = parseExporterSettings(await readYamlFile(file));
  readPairCredentials(settings);
  return { settings, tls: settings.http.tls === undefined ? undefined : await readHttpTls(settings.http.tls) };
}

async function run({ settings, tls }: Loaded, { clock, random, log: programLog, signal, onHangup }: ProgramPorts): Promise<void> {
  const { hall, pair, endpoint, http } = settings;
  const log = programLog.with({ hall });
  const credentials = (): ReturnType<typeof readPairCredentials> => readPairCredentials(settings);
  const link = { pairUid: pair.uid, findEndpoints: findEndpointsBy(endpoint, { clock, log }), credentials, clock, random, log };
  const exporter = terminalExporter({
    hall,
    version: productVersion,
    address: http.address,
    port: http.port,
    ...(tls === undefined ? {} : { tls }),
    watch: (watching) => watchFleet(link, watching),
    clock,
    log,
  });
  const started = {
    name: 'ready',
    start: () => log.info({ ...exporter.http.listening }, 'listening'),
    stop: () => undefined,
    stopMaxMs: 100,
  };
  const { tls: files } = http;
  if (files !== undefined) onHangup(() => renewCertificate(exporter.http, files, log));
  await runParts([...exporter.parts, started], { clock, log, signal });
}

/** The HTTP server takes a renewed certificate; one that is not good leaves the old in use. */
async function renewCertificate(server: HttpServer, files: HttpTlsFiles, log: Logger): Promise<void> {
  try {
    server.renewTls(await readHttpTls(files));
    log.info({}, 'the certificate of the HTTP server was read again');
  } catch (error) {
    log.warn({ why: messageOf(error) }, 'the certificate of the HTTP server stays as it was');
  }
}

await runProgram(
  {
    name: exporterProgram,
    summary: 'Follows the terminals of one hall and exposes them to Prometheus.',
    config: 'settings file in YAML',
    load,
  },
  run,
);
