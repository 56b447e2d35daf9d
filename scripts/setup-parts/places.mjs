import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, and the only two folders that a set-up writes to (apart from packages of the distribution). */
export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const localFolder = join(checkout, '.hallkeeper');
export const cacheFolder = join(homedir(), '.cache', 'hallkeeper');

export const nodeFolder = join(localFolder, 'node');
export const nodeBinFolder = join(nodeFolder, 'node_modules', '.bin');

const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** Path of the first of the folders that holds an executable of this name, or undefined. */
export function findIn(folders, name) {
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** The folders of PATH, without the two of node_modules that npm puts first. */
export function pathFolders() {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '' && !folder.includes('node_modules'));
}

/** A program of the system: in PATH, or where an ordinary user's PATH does not reach. */
export function findProgram(name) {
  return findIn([...pathFolders(), ...systemFolders], name);
}

export function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const answerMaxMs = 30_000;

/** The version in what a program answers to `--version`: 15.18 or 1.36.3. That of one that does not run is 0, older than any. */
export function versionOf(program) {
  try {
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: answerMaxMs };
    return /[0-9]+(?:\.[0-9]+)*/.exec(execFileSync(program, ['--version'], options))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/** Whether a version such as 24.21.0 is at least another. */
export function isAtLeast(version, least) {
  const ours = version.split('.').map(Number);
  const wanted = least.split('.').map(Number);
  for (const [index, part] of wanted.entries()) {
    if ((ours[index] ?? 0) !== part) return (ours[index] ?? 0) > part;
  }
  return true;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
