import { isIP } from 'node:net';
import { isAbsolute, join, normalize, relative } from 'node:path';
import { postgresErrors } from './errors.ts';
import type { InstanceSettings } from './instance.ts';
import { ownDatabase } from './instance.ts';
import { applicationNameOf } from './names.ts';
import { parameterProblems } from './parameters.ts';

const labelPattern = /^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/;
const sqlNamePattern = /^[a-z_][a-z0-9_-]{0,62}$/;
const osUserPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const takenDatabases: readonly string[] = [ownDatabase, 'postgres', 'template0', 'template1', 'all', 'sameuser', 'samerole', 'replication'];
/** The kernel's limit for the path of a Unix socket, without the ending zero. */
const socketPathBytesMax = 107;

/** Everything wrong with an instance's settings, one sentence each. */
export function settingsProblems(settings: InstanceSettings): readonly string[] {
  return [
    ...directoryProblems(settings),
    ...memberProblems(settings),
    ...databaseProblems(settings),
    ...parameterProblems(settings.parameters),
    ...settings.localUsers.flatMap(({ osUser }) => (osUserPattern.test(osUser) ? [] : [`${JSON.stringify(osUser)} is not a user name`])),
    ...(settings.account?.uid === 0 ? ['PostgreSQL refuses to run as root: name another account'] : []),
    ...(settings.slotKeepMegabytes >= 64 ? [] : ['slotKeepMegabytes must be at least 64']),
  ];
}

/** @throws HK_POSTGRES_SETTINGS  listing every problem. */
export function refuseSettings(settings: InstanceSettings): void {
  const problems = settingsProblems(settings);
  if (problems.length > 0) throw postgresErrors.HK_POSTGRES_SETTINGS(problems.join('; '));
}

function directoryProblems({ stateDirectory, dataDirectory, self }: InstanceSettings): readonly string[] {
  const problems: string[] = [];
  for (const [what, path] of [
    ['state directory', stateDirectory],
    ['data directory', dataDirectory],
  ] as const) {
    // oxlint-disable-next-line no-control-regex -- control characters are what must not reach the files
    if (!isAbsolute(path) || normalize(path) !== path || path.endsWith('/') || /[\u0000-\u001f\u007f,]/.test(path))
      problems.push(`the ${what} must be an absolute, normal path without commas, found ${JSON.stringify(path)}`);
  }
  const between = relative(dataDirectory, stateDirectory);
  if (!between.startsWith('..'))
    problems.push('the state directory must not be in the data directory: a copy of the peer would overwrite it');
  if (!relative(stateDirectory, dataDirectory).startsWith('..')) problems.push('the data directory must not be in the state directory');
  const socket = join(stateDirectory, 'socket', `.s.PGSQL.${self.port}`);
  if (Buffer.byteLength(socket) > socketPathBytesMax)
    problems.push(`the path of the Unix socket would be longer than ${socketPathBytesMax} bytes: choose a shorter state directory`);
  return problems;
}

function memberProblems({ self, peer }: InstanceSettings): readonly string[] {
  const problems: string[] = [];
  for (const { name, address, port } of [self, peer]) {
    if (!labelPattern.test(name)) problems.push(`member name ${JSON.stringify(name)} must be a DNS label of at most 42 characters`);
    if (isIP(address) === 0) problems.push(`member ${name}: ${JSON.stringify(address)} is not an IP address`);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) problems.push(`member ${name}: ${port} is not a port`);
  }
  if (applicationNameOf(self.name) === applicationNameOf(peer.name))
    problems.push(`both members would be called ${applicationNameOf(self.name)}`);
  if (self.address === peer.address && self.port === peer.port) problems.push('both members have the same address and port');
  return problems;
}

function databaseProblems({ databases }: InstanceSettings): readonly string[] {
  const problems: string[] = [];
  for (const { name, owner } of databases) {
    if (!sqlNamePattern.test(name) || takenDatabases.includes(name))
      problems.push(`database ${JSON.stringify(name)} is not a name that may be used`);
    if (!sqlNamePattern.test(owner) || /^(pg_|hallkeeper)/.test(owner) || ['all', 'public', 'none'].includes(owner))
      problems.push(`owner ${JSON.stringify(owner)} is not a name that may be used`);
  }
  if (new Set(databases.map(({ name }) => name)).size !== databases.length) problems.push('a database is named twice');
  return problems;
}
