import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npmEnvironment } from './npm-environment.mjs';
import { checkout, findProgram, localFolder, readText } from './places.mjs';

const stampFile = join(localFolder, 'installed');

export const dependenciesPart = { name: 'dependencies', look, obstacles, install };

function look() {
  const stamp = wantedStamp();
  const modules = readText(join(checkout, 'node_modules', '.package-lock.json'));
  if (modules === undefined) return { missing: ['the npm packages of package-lock.json'], found: null };
  if (readText(stampFile) !== stamp) {
    if (!treeMatches(modules)) return { missing: ['the npm packages of package-lock.json'], found: null };
    writeStamp(stamp);
  }
  return { missing: [], found: { folder: join(checkout, 'node_modules') } };
}

/** The stamp names the lock file that the installed packages follow, so that nothing else has to be read when it is unchanged. */
function wantedStamp() {
  return createHash('sha256')
    .update(readText(join(checkout, 'package-lock.json')) ?? '')
    .digest('hex');
}

function writeStamp(stamp) {
  mkdirSync(localFolder, { recursive: true });
  writeFileSync(stampFile, stamp);
}

/**
 * Whether what npm wrote into node_modules is what the lock file asks for; true after an `npm install` by hand too.
 * Packages for other platforms are absent.
 */
function treeMatches(modules) {
  const wanted = JSON.parse(readText(join(checkout, 'package-lock.json')) ?? '{}').packages ?? {};
  const installed = JSON.parse(modules).packages ?? {};
  const names = Object.keys(wanted).filter((name) => name !== '');
  return (
    names.every((name) =>
      installed[name] === undefined ? wanted[name].optional === true : installed[name].version === wanted[name].version,
    ) && Object.keys(installed).every((name) => wanted[name] !== undefined)
  );
}

function obstacles() {
  return findProgram('npm') === undefined ? ['npm is missing; install it (Debian and Ubuntu: apt-get install npm)'] : [];
}

async function install(progress) {
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  await progress.run(
    'installing npm packages with npm ci (node_modules is not what package-lock.json asks for)',
    findProgram('npm'),
    args,
    {
      cwd: checkout,
      env: npmEnvironment(),
    },
  );
  writeStamp(wantedStamp());
}
