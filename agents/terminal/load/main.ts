import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readYamlFile } from '#lib/base/documents.ts';
import type { Logger } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { runProgram } from '#lib/base/system-program.ts';
import type { ProgramPorts } from '#lib/base/system-program.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { productVersion } from '#lib/base/version.ts';
import { findEndpointsBy } from '#lib/link/find-endpoints.ts';
import { memoryEpochs } from '../epoch-memory.ts';
import { TerminalAgent } from '../terminal-agent.ts';
import type { GameReading } from '../terminal-ports.ts';
import { TlsFiles } from '../tls-files.ts';
import { loadStatus, OutageWatch } from './load-status.ts';
import { parseLoadSettings } from './load-settings.ts';
import type { LoadSettings } from './load-settings.ts';

const program = 'hallkeeper-terminals';

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

interface Loaded {
  readonly settings: LoadSettings;
  readonly files: ReadonlyMap<string, TlsFiles>;
}

/** All certificates are read before the first terminal calls: later the reading would have to wait for their handshakes. */
async function load(file: string): Promise<Loaded> {
  const settings = parseLoadSettings(await readYamlFile(file));
  const files = new Map<string, TlsFiles>();
  for (const name of settings.terminals) files.set(name, await readTls(settings, name));
  return { settings, files };
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
  const names = { hall: settings.hall, terminal, pairUid: settings.pair.uid, agentVersion: productVersion, runId: randomBytes(16) };
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

async function run({ settings, files }: Loaded, { log, signal }: ProgramPorts): Promise<void> {
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
  signal.addEventListener('abort', () => input.close(), { once: true });
  for await (const line of input) {
    const [word, name = ''] = line.trim().split(' ');
    const simulated = terminals.get(name);
    if (word === 'status') print();
    else if (simulated !== undefined && (word === 'hang' || word === 'play')) simulated.isHanging = word === 'hang';
    else if (simulated !== undefined && word === 'cut') simulated.stop.abort();
    else process.stderr.write(`${program}: cannot do "${line.slice(0, 100)}"\n`);
  }
  clearInterval(timer);
  print();
  for (const { stop } of terminals.values()) stop.abort();
  await Promise.all([...terminals.values()].map(({ running }) => running));
  process.stdin.destroy();
}

await runProgram(
  {
    name: program,
    summary:
      'Runs many terminals of one hall in one process, each with its own certificate. Prints one line of JSON for each line "status" on\n' +
      'standard input and one at the end. "hang NAME" stops the game of a terminal, "play NAME" lets it go on, "cut NAME" ends its agent.\n' +
      'Ends with standard input, SIGTERM or SIGINT.',
    config: 'settings file in YAML or JSON',
    logLevel: 'error',
    load,
  },
  run,
);
