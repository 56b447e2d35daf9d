import { readFile } from 'node:fs/promises';
import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { runParts } from '#lib/base/parts.ts';
import type { Part } from '#lib/base/parts.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemLog } from '#lib/base/system-log.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { HttpServer } from '#lib/http/http-server.ts';
import { metricsServer } from '#lib/http/metrics-server.ts';
import { formatHallEvent, parseHallServerSettings } from './contract.ts';
import type { HallEvent, HallServerSettings } from './contract.ts';
import { followControl } from './control.ts';
import { HallMetrics } from './hall-meter.ts';
import { HallServer } from './hall-server.ts';
import { TlsFiles } from './tls-files.ts';

const command = {
  name: 'hallkeeper-hall',
  summary: 'Serves the terminals of a hall while its member leads. Started by the member agent, which speaks on standard input.',
  options: {
    config: { help: 'settings file in JSON', value: 'FILE' },
    'check-config': { help: 'read the settings and the files they name, say what is wrong, and leave' },
  },
} as const;

const version = '0.1.0';

async function readSettings(file: string): Promise<HallServerSettings> {
  const text = await readFile(file, 'utf8');
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  return parseHallServerSettings(raw);
}

async function run(settings: HallServerSettings, tls: TlsFiles): Promise<number> {
  const log = systemLog(command.name).with({ hall: settings.hall, member: settings.member });
  const stop = new AbortController();
  const tell = (event: HallEvent): void => {
    process.stdout.write(formatHallEvent(event));
  };
  let exitCode: number = exitCodes.ok;
  const onBroken = (error: unknown): void => {
    log.error({ why: messageOf(error) }, 'a promise of this program is broken; it ends');
    exitCode = exitCodes.failed;
    stop.abort();
  };
  const { hall, member, listen } = settings;
  const meter = new HallMetrics({ hall, member }, systemClock);
  const { credentials } = tls;
  const trust = (): typeof tls.trust => tls.trust;
  const server = new HallServer(settings, { clock: systemClock, random: systemRandom, log, credentials, trust, meter, tell, onBroken });
  const metrics = settings.metrics === undefined ? undefined : openMetrics(settings.metrics, meter, log);
  // The agent that started us is the only reason to serve: without its pipe nobody could tell us that the epoch is over.
  const control = followControl(process.stdin, (order) => (order.do === 'lead' ? server.lead(order.epoch) : server.follow()), tell).finally(
    () => stop.abort(),
  );
  process.on('SIGTERM', () => stop.abort());
  process.on('SIGINT', () => stop.abort());
  process.on('SIGHUP', () => void tls.renew(log));
  process.stdout.on('error', () => stop.abort());
  const parts: readonly Part[] = [
    { name: 'certificates', start: () => void tls.follow(systemClock, log, stop.signal), stop: () => undefined, stopMaxMs: 100 },
    { name: 'stalls', start: () => void meter.watchStalls(stop.signal), stop: () => undefined, stopMaxMs: 100 },
    ...(metrics === undefined ? [] : [metrics]),
    {
      name: 'server',
      start: async () => {
        const port = await server.listen();
        const metricsPort = metrics === undefined ? {} : { metricsPort: metrics.listening.port };
        tell({ event: 'listening', address: listen.address, port, ...metricsPort });
      },
      stop: () => server.close(),
      stopMaxMs: 2_000,
    },
  ];
  try {
    await runParts(parts, { clock: systemClock, log, signal: stop.signal });
  } catch (error) {
    log.error({ why: messageOf(error) }, 'stopped with errors');
    exitCode = exitCodes.failed;
  }
  process.stdin.destroy();
  await control.catch(() => undefined);
  return exitCode;
}

function openMetrics(listen: { readonly address: string; readonly port: number }, meter: HallMetrics, log: Logger): HttpServer {
  return metricsServer({
    ...listen,
    program: command.name,
    version,
    summary: 'Serves the terminals of a hall while its member leads.',
    collectors: [meter.set],
    checks: { healthy: [], ready: [] },
    clock: systemClock,
    log,
  });
}

async function main(): Promise<number> {
  const parsed = parseCommand(command, process.argv.slice(2));
  if (parsed.do === 'print') {
    process.stdout.write(parsed.text);
    return parsed.exitCode;
  }
  const file = parsed.line.text('config');
  if (file === undefined) {
    process.stderr.write(`${command.name}: --config FILE is required\n`);
    return exitCodes.usage;
  }
  try {
    const settings = await readSettings(file);
    const tls = await TlsFiles.read(settings);
    if (!parsed.line.has('check-config')) return await run(settings, tls);
    process.stdout.write('the settings are good\n');
    return exitCodes.ok;
  } catch (error) {
    process.stderr.write(`${command.name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

process.exitCode = await main();
