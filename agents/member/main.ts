import { readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemLog } from '#lib/base/system-log.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { MemberSettings } from './contract.ts';
import { refuseUnusable } from './instance-settings.ts';
import { Member } from './member.ts';
import { resolveMemberOptions } from './member-options.ts';
import type { MemberOptions } from './member-options.ts';
import { SettingsSource } from './settings-source.ts';

const command = {
  name: 'hallkeeper-member',
  summary: 'Keeps one PostgreSQL of a failover pair: it replicates, takes over, hands over and rejoins. PostgreSQL runs on when this ends.',
  options: {
    config: { help: 'settings of this machine in YAML', value: 'FILE' },
    'check-config': { help: 'read the settings, say everything that is wrong with them, and leave' },
  },
} as const;

/**
 * A take-over is measured in milliseconds, so the agent and, by inheritance, PostgreSQL come before other programs of the machine
 * (`nice` -10). Only root may; anybody else runs as everything else does.
 */
const priority = -10;

function preferOurselves(): boolean {
  try {
    setPriority(priority);
    return true;
  } catch {
    return false;
  }
}

async function readOptions(file: string): Promise<MemberOptions> {
  let raw: unknown;
  try {
    raw = load(await readFile(file, 'utf8'), { filename: file });
  } catch (error) {
    throw new Error(`${file} cannot be read as YAML: ${messageOf(error)}`, { cause: error });
  }
  return resolveMemberOptions(raw);
}

async function run(options: MemberOptions): Promise<number> {
  const log = systemLog(command.name, options.logLevel);
  log.debug({ preferred: preferOurselves() }, 'the agent starts');
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => (stop.signal.aborted ? process.exit(exitCodes.failed) : stop.abort()));
  const ports = { clock: systemClock, random: systemRandom, log };
  const userAgent = `${command.name}/${version}`;
  const settingsPorts = { ...ports, userAgent, refuseUnusable: (settings: MemberSettings) => refuseUnusable(options, settings) };
  const source = await SettingsSource.open(options.stateDirectory, options.bundle, settingsPorts, stop.signal);
  const hallCommand = [process.execPath, fileURLToPath(new URL('../../hall/main.ts', import.meta.url))] as const;
  for (;;) {
    const { pair, self } = source.settings;
    const about = log.with({ pair: pair.name, member: self.name });
    const member = await Member.make(
      options,
      source,
      { ...ports, log: about, version, uid: process.getuid?.() ?? 0, hallCommand: [...hallCommand] },
      stop.signal,
    );
    if ((await member.run(stop.signal)) === 'stopped') return exitCodes.ok;
  }
}

async function main(): Promise<number> {
  const parsed = parseCommand(command, process.argv.slice(2));
  if (parsed.do === 'print') {
    process[parsed.exitCode === 0 ? 'stdout' : 'stderr'].write(parsed.text);
    return parsed.exitCode;
  }
  const file = parsed.line.text('config');
  if (file === undefined) {
    process.stderr.write(`${command.name}: --config is required\nSee '${command.name} --help'.\n`);
    return exitCodes.usage;
  }
  const options = await readOptions(file);
  if (parsed.line.has('check-config')) {
    process.stdout.write(`${file}: nothing is wrong\n`);
    return exitCodes.ok;
  }
  return await run(options);
}

// PostgreSQL is a child that runs on, so the process does not end by itself.
try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${command.name}: ${messageOf(error)}\n`);
  process.exit(exitCodes.failed);
}
