import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { readYamlFile } from '#lib/base/documents.ts';
import { runProgram } from '#lib/base/system-program.ts';
import type { ProgramPorts } from '#lib/base/system-program.ts';
import { productVersion } from '#lib/base/version.ts';
import type { MemberSettings } from './contract.ts';
import { refuseUnusableHere } from './instance-settings.ts';
import { Member } from './member.ts';
import { resolveMemberOptions } from './member-options.ts';
import type { MemberOptions } from './member-options.ts';
import { SettingsSource } from './settings-source.ts';

const name = 'hallkeeper-member';

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

async function run(options: MemberOptions, { clock, random, log, signal }: ProgramPorts): Promise<void> {
  log.debug({ preferred: preferOurselves() }, 'the agent starts');
  const ports = { clock, random, log };
  const userAgent = `${name}/${productVersion}`;
  const uid = process.getuid?.() ?? 0;
  const refuseUnusable = (settings: MemberSettings): Promise<void> => refuseUnusableHere(options, settings, uid, signal);
  const settingsPorts = { ...ports, userAgent, refuseUnusable };
  const source = await SettingsSource.open(options.stateDirectory, options.bundle, settingsPorts, signal);
  const hallCommand = [process.execPath, fileURLToPath(new URL('../../hall/main.ts', import.meta.url))] as const;
  for (;;) {
    const { pair, self } = source.settings;
    const about = log.with({ pair: pair.name, member: self.name });
    const member = await Member.make(
      options,
      source,
      { ...ports, log: about, version: productVersion, uid, hallCommand: [...hallCommand] },
      signal,
    );
    if ((await member.run(signal)) === 'stopped') return;
  }
}

await runProgram(
  {
    name,
    summary:
      'Keeps one PostgreSQL of a failover pair: it replicates, takes over, hands over and rejoins. PostgreSQL runs on when this ends.',
    config: 'settings of this machine in YAML',
    load: async (file) => resolveMemberOptions(await readYamlFile(file)),
    leavesChildren: true,
  },
  run,
);
