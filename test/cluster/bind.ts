import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startNameServer } from './name-server.ts';
import type { NameServer, NameServerOptions, NameServerPlan } from './name-server.ts';
import { systemProgram } from './programs.ts';

/** A real BIND. */
export type Bind = NameServer;

export function startBind(options: NameServerOptions = {}): Promise<Bind> {
  return startNameServer({ name: 'named', prepare }, options);
}

async function prepare(plan: NameServerPlan): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const file = join(plan.directory, 'named.conf');
  await writeFile(file, configuration(plan), { mode: 0o600 });
  return { command: await namedProgram(plan.directory), args: ['-g', '-n', '1', '-c', file] };
}

function configuration({ directory, address, port, zone, keys, onlyFor }: NameServerPlan): string {
  const keyBlocks = keys.map(({ name, secret }) => `key "${name}" { algorithm hmac-sha256; secret "${secret}"; };`);
  const grants = keys.map(({ name }) => {
    const owner = onlyFor[name];
    return `grant "${name}" ${owner === undefined ? 'zonesub ANY' : `name ${owner}.${zone}. A AAAA TXT`};`;
  });
  return `
options {
  directory "${directory}";
  listen-on port ${port} { ${address}; };
  listen-on-v6 { none; };
  pid-file "${directory}/named.pid";
  session-keyfile "${directory}/session.key";
  recursion no;
  dnssec-validation no;
  notify no;
};
controls { };
${keyBlocks.join('\n')}
zone "${zone}" {
  type primary;
  file "${directory}/zone.db";
  update-policy { ${grants.join(' ')} };
};
`;
}

/**
 * AppArmor, where it confines named, lets it read its distribution's folders only. The rule hangs on the path of the program, so
 * that a copy in our own folder reads ours.
 */
async function namedProgram(directory: string): Promise<string> {
  const installed = systemProgram('named');
  const enabled = await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => 'N');
  if (!enabled.startsWith('Y')) return installed;
  const copy = join(directory, 'named');
  await copyFile(installed, copy);
  return copy;
}
