import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findIn, findProgram, isAtLeast, pathFolders, versionOf } from './places.mjs';
import { StepFailed } from './progress.mjs';
import { disableServices, newServices, withoutServiceStarts } from './service-starts.mjs';

const postgresVersionMin = 15;
const postgresRoot = '/usr/lib/postgresql';

/** Programs, the package of Debian and Ubuntu that brings them, and what it is for. Of several names any one will do. */
const wanted = [
  { programs: ['named'], package: 'bind9', what: 'BIND' },
  { programs: ['knotd'], package: 'knot', what: 'Knot DNS' },
  { programs: ['nsupdate', 'dig'], package: 'bind9-dnsutils', what: 'nsupdate and dig' },
  { programs: ['prometheus', 'promtool'], package: 'prometheus', what: 'Prometheus' },
  { programs: [['prometheus-alertmanager', 'alertmanager'], 'amtool'], package: 'prometheus-alertmanager', what: 'Alertmanager' },
  { programs: ['ip'], package: 'iproute2', what: 'ip' },
  { programs: ['nsenter', 'unshare', 'setpriv', 'flock'], package: 'util-linux', what: 'nsenter, unshare, setpriv and flock' },
  { programs: ['nft'], package: 'nftables', what: 'nft' },
  { programs: ['mkfs.ext4'], package: 'e2fsprogs', what: 'mkfs.ext4' },
  { programs: ['faketime'], package: 'faketime', what: 'faketime' },
  { programs: ['openssl'], package: 'openssl', what: 'openssl' },
  { programs: ['mount', 'umount'], package: 'mount', what: 'mount' },
  { programs: ['ps'], package: 'procps', what: 'ps' },
  { programs: ['perl'], package: 'perl-base', what: 'perl' },
];

/** Failover managers that `npm run bench` compares ours with; nothing else needs them. */
const rivals = [{ programs: ['patroni'], package: 'patroni', what: 'Patroni' }];
const asked = process.argv.includes('--rivals') ? [...wanted, ...rivals] : wanted;

export const systemPart = { name: 'system', look, obstacles, install };

function look() {
  const rows = asked.map((row) => ({ ...row, paths: row.programs.map((name) => [name].flat().map(findProgram).find(Boolean)) }));
  const missing = rows.filter(({ paths }) => paths.includes(undefined)).map(({ what }) => what);
  const postgres = findPostgres();
  if (postgres === undefined) missing.unshift(`PostgreSQL ${postgresVersionMin} or newer`);
  const found = Object.fromEntries(
    rows.flatMap(({ programs, paths }) => programs.map((name, index) => [[name].flat()[0], paths[index] ?? null])),
  );
  return { missing, found: { postgres: postgres ?? null, ...found } };
}

/** The folder of the newest server programs: Debian keeps them outside of PATH, others have them in it. */
function findPostgres() {
  const versions = existsSync(postgresRoot) ? readdirSync(postgresRoot).filter((name) => Number(name) >= postgresVersionMin) : [];
  const folders = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(postgresRoot, version, 'bin'));
  const complete = folders.find((folder) => findIn([folder], 'initdb') !== undefined && findIn([folder], 'postgres') !== undefined);
  if (complete !== undefined) return complete;
  const initdb = findIn(pathFolders(), 'initdb');
  if (initdb === undefined) return undefined;
  return isAtLeast(versionOf(initdb), String(postgresVersionMin)) ? join(initdb, '..') : undefined;
}

/** Packages that bring what is missing. The release of PostgreSQL stands open until apt is asked. */
function missingPackages() {
  const rows = asked.filter(({ programs }) => programs.some((name) => [name].flat().every((one) => findProgram(one) === undefined)));
  return [...(findPostgres() === undefined ? ['postgresql'] : []), ...rows.map((row) => row.package)];
}

function obstacles() {
  const { missing } = look();
  const command = `apt-get install --no-install-recommends ${missingPackages().join(' ')}`;
  if (findProgram('apt-get') === undefined) {
    return [`install ${missing.join(', ')} with the tools of your distribution (on Debian and Ubuntu: ${command})`];
  }
  if (process.getuid?.() !== 0) return [`${missing.join(', ')} must be installed by root; run: sudo ${command}`];
  return [];
}

async function install(progress, missing) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3'];
  await progress.run('reading the package lists of the distribution (apt-get update)', 'apt-get', [...wait, 'update', '-qq'], { env });
  const packages = missingPackages().map((name) => (name === 'postgresql' ? newestPostgresPackage() : name));
  const services = newServices(packages);
  await withoutServiceStarts(() =>
    progress.run(
      `installing ${missing.join(', ')} with apt-get (tests and demo run real servers; their services are not started)`,
      'apt-get',
      [...wait, 'install', '-y', '-qq', '--no-install-recommends', ...packages],
      { env },
    ),
  );
  disableServices(services);
}

function newestPostgresPackage() {
  const lines = execFileSync('apt-cache', ['search', '--names-only', '^postgresql-[0-9]+$'], { encoding: 'utf8' }).split('\n');
  const versions = lines.map((line) => Number(/^postgresql-([0-9]+) /.exec(line)?.[1] ?? 0));
  const newest = Math.max(0, ...versions);
  if (newest >= postgresVersionMin) return `postgresql-${newest}`;
  throw new StepFailed(
    `this distribution has no PostgreSQL ${postgresVersionMin} or newer; add the packages of apt.postgresql.org and run this again`,
  );
}
