import { randomBytes } from 'node:crypto';
import { readYamlFile } from '#lib/base/documents.ts';
import { runParts } from '#lib/base/parts.ts';
import type { Part } from '#lib/base/parts.ts';
import { runProgram } from '#lib/base/system-program.ts';
import type { ProgramPorts } from '#lib/base/system-program.ts';
import { productVersion } from '#lib/base/version.ts';
import { findEndpointsBy } from '#lib/link/find-endpoints.ts';
import { fileEpochs } from './epoch-memory.ts';
import { parseTerminalSettings } from './settings.ts';
import type { TerminalSettings } from './settings.ts';
import { TerminalAgent } from './terminal-agent.ts';
import { TlsFiles } from './tls-files.ts';

interface Loaded {
  readonly settings: TerminalSettings;
  readonly tls: TlsFiles;
}

async function load(file: string): Promise<Loaded> {
  const settings = parseTerminalSettings(await readYamlFile(file));
  return { settings, tls: await TlsFiles.read(settings) };
}

async function run({ settings, tls }: Loaded, { clock, random, log: programLog, signal, onHangup }: ProgramPorts): Promise<void> {
  const { hall, terminal, pair } = settings;
  const log = programLog.with({ hall, terminal });
  const names = { hall, terminal, pairUid: pair.uid, agentVersion: productVersion, runId: randomBytes(16) };
  const agent = new TerminalAgent(names, {
    findEndpoints: findEndpointsBy(settings.endpoint, { clock, log }),
    credentials: () => tls.credentials,
    epochs: await fileEpochs(settings.stateDirectory),
    // There is no local API for the game yet, so that a silent game proves nothing.
    readGame: () => ({ localApi: 'absent' }),
    clock,
    random,
    log,
  });
  onHangup(() => tls.renew(log));
  let running: Promise<void> = Promise.resolve();
  const parts: readonly Part[] = [
    { name: 'certificates', start: () => void tls.follow(clock, log, signal), stop: () => undefined, stopMaxMs: 100 },
    { name: 'agent', start: () => void (running = agent.run(signal)), stop: () => running, stopMaxMs: 2_000 },
  ];
  await runParts(parts, { clock, log, signal });
}

await runProgram(
  {
    name: 'hallkeeper-terminal',
    summary: 'Connects one terminal to its hall: finds the member that leads and reports once a second.',
    config: 'settings file in YAML',
    load,
  },
  run,
);
