import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startNameServer } from './name-server.ts';
import type { NameServer, NameServerOptions, NameServerPlan } from './name-server.ts';
import { systemProgram } from './programs.ts';

/** A real Knot DNS. */
export function startKnot(options: NameServerOptions = {}): Promise<NameServer> {
  return startNameServer({ name: 'knotd', prepare }, options);
}

async function prepare(plan: NameServerPlan): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const file = join(plan.directory, 'knot.conf');
  await mkdir(join(plan.directory, 'run'), { recursive: true });
  await writeFile(file, configuration(plan), { mode: 0o600 });
  return { command: systemProgram('knotd'), args: ['-c', file] };
}

/**
 * The action `query` stands beside `update`, because Knot answers a signed query only by keys that may ask. What was updated lives
 * in the journal, so it outlives a restart, also one that comes without a word.
 */
function configuration({ directory, address, port, zone, keys, onlyFor }: NameServerPlan): string {
  const keyItems = keys.map(({ name, secret }) => `  - id: ${name}\n    algorithm: hmac-sha256\n    secret: ${secret}`);
  const rules = keys.map(({ name }) => {
    const owner = onlyFor[name];
    const narrow = `    update-type: [A, AAAA, TXT]\n    update-owner: name\n    update-owner-match: equal\n    update-owner-name: ${owner}`;
    return `  - id: ${name}\n    key: ${name}\n    action: [query, update]${owner === undefined ? '' : `\n${narrow}`}`;
  });
  return `
server:
    rundir: "${directory}/run"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "${directory}"
    journal-db-max-size: 16M
key:
${keyItems.join('\n')}
acl:
${rules.join('\n')}
zone:
  - domain: ${zone}
    storage: "${directory}"
    file: zone.db
    acl: [${keys.map(({ name }) => name).join(', ')}]
    journal-max-usage: 8M
`;
}
