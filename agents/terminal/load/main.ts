import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { load } from 'js-yaml';
import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { logLevels, systemLog } from '#lib/base/system-log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { findEndpointsBy } from '#lib/link/find-endpoints.ts';
import { memoryEpochs } from '../epoch-memory.ts';
import { TerminalAgent } from '../terminal-agent.ts';
import type { GameReading } from '../terminal-ports.ts';
import { TlsFiles } from '../tls-files.ts';
import { loadStatus, OutageWatch } from './load-status.ts';
import { parseLoadSettings } from './load-settings.ts';
import type { LoadSettings } from './load-settings.ts';

const command = {
  name: 'hallkeeper-terminals',
  summary:
    'Runs many terminals of one hall in one process, each with its own certificate. Prints one line of JSON for each line "status" on\n' +
    'standard input and one at the end. "hang NAME" stops the game of a terminal, "play NAME" lets it go on, "cut NAME" ends its agent.\n' +
    'Ends with standard input, SIGTERM or SIGINT.',
  options: {
    config: { help: 'settings file in YAML or JSON', value: 'FILE' },
    log: { help: `least level of the log: ${logLevels.join(', ')}`, value: 'LEVEL', fallback: 'error' },
  },
} as const;

const lookEveryMs = 100;
/** Starts are spread over this time for each thousand terminals, so that the first handshakes do not come all at once. */
const startSpreadMs = 1_500;

/** One simulated terminal: an agent and a game that plays or hangs. */
interface Simulated {
  readonly agent: TerminalAgent;
  readonly stop: AbortController;
  readonly running: Promise<void>;
  isHanging: boolean;
}

function readTls(settings: LoadSettings, terminal: string): Promise<TlsFiles> {
  return TlsFiles.read({
    tls: {
      certificateFile: join(settings.certificateDirectory, `${terminal}.crt`),
      keyFile: join(settings.certificateDirectory, `${terminal}.key`),
      pairCaFile: settings.pairCaFile,
    },
    trustDomain: settings.trustDomain,
    pair: settings.pair,
  });
}

function start(settings: LoadSettings, terminal: string, tls: TlsFiles, log: Logger): Simulated {
  const stop = new AbortController();
  let progress = 0n;
  const readGame = (): GameReading => {
    if (!simulated.isHanging) progress += 1n;
    return { progress, localApi: 'working' };
  };
  const names = { hall: settings.hall, terminal, pairUid: settings.pair.uid, agentVersion: '0.1.0', runId: randomBytes(16) };
  const agent = new TerminalAgent(names, {
    findEndpoints: findEndpointsBy(settings.endpoint, { clock: systemClock, log }),
    credentials: () => tls.credentials,
    epochs: memoryEpochs(),
    readGame,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  const spreadMs = Math.ceil((settings.terminals.length / 1_000) * startSpreadMs);
  const running = systemClock
    .sleep(systemRandom.below(spreadMs), stop.signal)
    .then(() => agent.run(stop.signal))
    .catch(() => undefined);
  const simulated: Simulated = { agent, stop, running, isHanging: false };
  return simulated;
}

async function run(settings: LoadSettings, level: (typeof logLevels)[number]): Promise<number> {
  const log = systemLog(command.name, level);
  // All certificates are read before the first terminal calls: later the reading would have to wait for their handshakes.
  const files = new Map<string, TlsFiles>();
  for (const name of settings.terminals) files.set(name, await readTls(settings, name));
  const terminals = new Map([...files].map(([name, tls]) => [name, start(settings, name, tls, log.with({ terminal: name }))]));
  const outage = new OutageWatch();
  const look = (): void => outage.show(statuses(), systemClock.nowMs());
  const statuses = (): ReturnType<TerminalAgent['status']>[] => [...terminals.values()].map(({ agent }) => agent.status());
  const print = (): void => {
    look();
    process.stdout.write(`${JSON.stringify(loadStatus(statuses(), outage))}\n`);
  };
  const timer = setInterval(look, lookEveryMs);
  const input = createInterface({ input: process.stdin });
  process.stdout.on('error', () => input.close());
  process.on('SIGTERM', () => input.close());
  process.on('SIGINT', () => input.close());
  for await (const line of input) {
    const [word, name = ''] = line.trim().split(' ');
    const simulated = terminals.get(name);
    if (word === 'status') print();
    else if (simulated !== undefined && (word === 'hang' || word === 'play')) simulated.isHanging = word === 'hang';
    else if (simulated !== undefined && word === 'cut') simulated.stop.abort();
    else process.stderr.write(`${command.name}: cannot do "${line.slice(0, 100)}"\n`);
  }
  clearInterval(timer);
  print();
  for (const { stop } of terminals.values()) stop.abort();
  await Promise.all([...terminals.values()].map(({ running }) => running));
  process.stdin.destroy();
  return exitCodes.ok;
}

async function main(): Promise<number> {
  const parsed = parseCommand(command, process.argv.slice(2));
  if (parsed.do === 'print') {
    process.stdout.write(parsed.text);
    return parsed.exitCode;
  }
  const file = parsed.line.text('config');
  const level = logLevels.find((one) => one === parsed.line.text('log'));
  if (file === undefined || level === undefined) {
    process.stderr.write(`${command.name}: --config FILE is required, and LEVEL must be one of ${logLevels.join(', ')}\n`);
    return exitCodes.usage;
  }
  try {
    return await run(parseLoadSettings(load(await readFile(file, 'utf8'), { filename: file })), level);
  } catch (error) {
    process.stderr.write(`${command.name}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

process.exitCode = await main();
