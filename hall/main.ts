import { readJsonFile } from '#lib/base/documents.ts';
import { messageOf } from '#lib/base/errors.ts';
import { exitCodes } from '#lib/base/command.ts';
import type { Logger } from '#lib/base/log.ts';
import { runParts } from '#lib/base/parts.ts';
import type { Part } from '#lib/base/parts.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { runProgram } from '#lib/base/system-program.ts';
import type { ProgramPorts } from '#lib/base/system-program.ts';
import { productVersion } from '#lib/base/version.ts';
import type { HttpServer } from '#lib/http/http-server.ts';
import { metricsServer } from '#lib/http/metrics-server.ts';
import { formatHallEvent, parseHallServerSettings } from './contract.ts';
import type { HallEvent, HallServerSettings } from './contract.ts';
import { followControl } from './control.ts';
import { HallMetrics } from './hall-meter.ts';
import { HallServer } from './hall-server.ts';
import { TlsFiles } from './tls-files.ts';

const name = 'hallkeeper-hall';

interface Loaded {
  readonly settings: HallServerSettings;
  readonly tls: TlsFiles;
}

async function load(file: string): Promise<Loaded> {
  const settings = parseHallServerSettings(await readJsonFile(file));
  return { settings, tls: await TlsFiles.read(settings) };
}

async function run({ settings, tls }: Loaded, ports: ProgramPorts): Promise<number> {
  const { clock, random, signal, stop } = ports;
  const log = ports.log.with({ hall: settings.hall, member: settings.member });
  const tell = (event: HallEvent): void => {
    process.stdout.write(formatHallEvent(event));
  };
  let exitCode: number = exitCodes.ok;
  const onBroken = (error: unknown): void => {
    log.error({ why: messageOf(error) }, 'a promise of this program is broken; it ends');
    exitCode = exitCodes.failed;
    stop();
  };
  const { hall, member, listen } = settings;
  const meter = new HallMetrics({ hall, member }, clock);
  const { credentials } = tls;
  const trust = (): typeof tls.trust => tls.trust;
  const server = new HallServer(settings, { clock, random, log, credentials, trust, meter, tell, onBroken });
  const metrics = settings.metrics === undefined ? undefined : openMetrics(settings.metrics, meter, log);
  // The agent that started us is the only reason to serve: without its pipe nobody could tell us that the epoch is over.
  const control = followControl(process.stdin, (order) => (order.do === 'lead' ? server.lead(order.epoch) : server.follow()), tell).finally(
    stop,
  );
  ports.onHangup(() => tls.renew(log));
  process.stdout.on('error', stop);
  const parts: readonly Part[] = [
    { name: 'certificates', start: () => void tls.follow(clock, log, signal), stop: () => undefined, stopMaxMs: 100 },
    { name: 'stalls', start: () => void meter.watchStalls(signal), stop: () => undefined, stopMaxMs: 100 },
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
    await runParts(parts, { clock, log, signal });
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
    program: name,
    version: productVersion,
    summary: 'Serves the terminals of a hall while its member leads.',
    collectors: [meter.set],
    checks: { healthy: [], ready: [{ name: 'ledger', problem: () => meter.ledgerProblem }] },
    clock: systemClock,
    log,
  });
}

await runProgram(
  {
    name,
    summary: 'Serves the terminals of a hall while its member leads. Started by the member agent, which speaks on standard input.',
    config: 'settings file in JSON',
    load,
  },
  run,
);
