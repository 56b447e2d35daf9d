import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { load } from 'js-yaml';
import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import { runParts } from '#lib/base/parts.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { logLevels, systemLog } from '#lib/base/system-log.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { HttpTls } from '#lib/http/http-server.ts';
import { readHttpTls } from '#lib/http/http-tls-files.ts';
import { KubeClient } from '#lib/kube/client.ts';
import type { KubeClientPorts } from '#lib/kube/client.ts';
import { loadKubeConfigFile } from '#lib/kube/credentials.ts';
import { assembleOperator } from './operator.ts';
import { rooms } from './rooms.ts';
import { parseOperatorSettings } from './settings.ts';
import type { OperatorSettings } from './settings.ts';

const command = {
  name: 'hallkeeper-operator',
  summary: 'Reconciles halls, terminals and failover pairs of a Kubernetes cluster.',
  options: {
    config: { help: 'settings file in YAML', value: 'FILE' },
    'check-config': { help: 'read the settings and the files they name, say what is wrong, and leave' },
    'log-level': { help: `one of ${logLevels.join(', ')}`, value: 'LEVEL', fallback: 'info' },
  },
} as const;

const version = '0.1.0';

interface Loaded {
  readonly settings: OperatorSettings;
  readonly tls: HttpTls | undefined;
  readonly connect: (ports: KubeClientPorts) => KubeClient;
}

async function loadSettings(file: string): Promise<Loaded> {
  const settings = parseOperatorSettings(load(await readFile(file, 'utf8'), { filename: file }));
  const tls = settings.http.tls === undefined ? undefined : await readHttpTls(settings.http.tls);
  const config = settings.kubeconfig === undefined ? undefined : await loadKubeConfigFile(settings.kubeconfig);
  const connect = (ports: KubeClientPorts): KubeClient =>
    config === undefined ? KubeClient.inCluster(ports) : KubeClient.fromKubeConfig(config, ports);
  return { settings, tls, connect };
}

async function run({ settings, tls, connect }: Loaded, level: string): Promise<number> {
  const identity = `${hostname()}_${randomUUID()}`;
  const log = systemLog(command.name, logLevels.find((known) => known === level) ?? 'info');
  const stop = new AbortController();
  // Somebody else may be leading already, or our own belief is wrong: nothing more is done, not even the ordinary stop.
  const fatal = (error: Error): void => {
    log.error({ error: messageOf(error), stack: error.stack }, 'the operator ends at once');
    process.exit(exitCodes.failed);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => (stop.signal.aborted ? process.exit(exitCodes.failed) : stop.abort()));
  }
  const shared = { clock: systemClock, random: systemRandom, log };
  const operator = assembleOperator({
    ...shared,
    settings,
    identity,
    tls,
    connect: (observer) => connect({ ...shared, userAgent: `hallkeeper-operator/${version}`, observer }),
    fatal,
    rooms,
  });
  try {
    await runParts(operator.parts, { clock: systemClock, log, signal: stop.signal });
    return exitCodes.ok;
  } catch (error) {
    log.error({ why: messageOf(error) }, 'stopped with errors');
    return exitCodes.failed;
  }
}

async function main(): Promise<number> {
  const parsed = parseCommand(command, process.argv.slice(2));
  if (parsed.do === 'print') {
    process.stdout.write(parsed.text);
    return parsed.exitCode;
  }
  const { line } = parsed;
  const file = line.text('config');
  const level = line.text('log-level') ?? 'info';
  if (file === undefined || !logLevels.some((known) => known === level)) {
    const why = file === undefined ? '--config FILE is required' : `--log-level must be one of ${logLevels.join(', ')}`;
    process.stderr.write(`${command.name}: ${why}\n`);
    return exitCodes.usage;
  }
  try {
    const loaded = await loadSettings(file);
    if (!line.has('check-config')) return await run(loaded, level);
    process.stdout.write('the settings are good\n');
    return exitCodes.ok;
  } catch (error) {
    process.stderr.write(`${command.name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

process.exitCode = await main();
