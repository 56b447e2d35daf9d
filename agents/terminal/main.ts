import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import { runParts } from '#lib/base/parts.ts';
import type { Part } from '#lib/base/parts.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemLog } from '#lib/base/system-log.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { findEndpointsBy } from '#lib/link/find-endpoints.ts';
import { fileEpochs } from './epoch-memory.ts';
import { parseTerminalSettings } from './settings.ts';
import type { TerminalSettings } from './settings.ts';
import { TerminalAgent } from './terminal-agent.ts';
import { TlsFiles } from './tls-files.ts';

const command = {
  name: 'hallkeeper-terminal',
  summary: 'Connects one terminal to its hall: finds the member that leads and reports once a second.',
  options: {
    config: { help: 'settings file in YAML', value: 'FILE' },
    'check-config': { help: 'read the settings and the files they name, say what is wrong, and leave' },
  },
} as const;

const agentVersion = '0.1.0';

async function run(settings: TerminalSettings, tls: TlsFiles): Promise<number> {
  const log = systemLog(command.name).with({ hall: settings.hall, terminal: settings.terminal });
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  process.on('SIGINT', () => stop.abort());
  const { hall, terminal, pair } = settings;
  const names = { hall, terminal, pairUid: pair.uid, agentVersion, runId: randomBytes(16) };
  const agent = new TerminalAgent(names, {
    findEndpoints: findEndpointsBy(settings.endpoint, { clock: systemClock, log }),
    credentials: () => tls.credentials,
    epochs: await fileEpochs(settings.stateDirectory),
    // There is no local API for the game yet, so that a silent game proves nothing.
    readGame: () => ({ localApi: 'absent' }),
    clock: systemClock,
    random: systemRandom,
    log,
  });
  let running: Promise<void> = Promise.resolve();
  const parts: readonly Part[] = [
    { name: 'certificates', start: () => void tls.follow(systemClock, log, stop.signal), stop: () => undefined, stopMaxMs: 100 },
    { name: 'agent', start: () => void (running = agent.run(stop.signal)), stop: () => running, stopMaxMs: 2_000 },
  ];
  try {
    await runParts(parts, { clock: systemClock, log, signal: stop.signal });
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
  const file = parsed.line.text('config');
  if (file === undefined) {
    process.stderr.write(`${command.name}: --config FILE is required\n`);
    return exitCodes.usage;
  }
  try {
    const settings = parseTerminalSettings(load(await readFile(file, 'utf8'), { filename: file }));
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
