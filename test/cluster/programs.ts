import { accessSync, constants, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** PostgreSQL 15 is the oldest release that the product supports. */
const postgresVersionMin = 15;

/** The release of Kubernetes that scripts/control-plane/go.mod pins, without the v: `1.36.3`. */
export function kubernetesVersion(): string {
  const text = readFileSync(new URL('../../scripts/control-plane/go.mod', import.meta.url), 'utf8');
  const version = /^\s*k8s\.io\/kubernetes v([0-9.]+)$/m.exec(text)?.[1];
  if (version === undefined) throw new Error('scripts/control-plane/go.mod names no release of k8s.io/kubernetes');
  return version;
}

/**
 * Path of a program of the local control plane: etcd, kube-apiserver, kube-controller-manager or kubectl.
 * What scripts/setup built stands before PATH, because a distribution's etcd may be too old for our apiserver.
 */
export function controlPlaneProgram(name: string): string {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const built = join(homedir(), '.cache', 'hallkeeper', `bin-${kubernetesVersion()}`);
  return find(name, [...(assets === undefined ? [] : [assets]), built, ...pathFolders()]);
}

/** Path of a server or tool that the distribution installs: named, nsupdate, prometheus, nsenter, ip. */
export function systemProgram(name: string): string {
  return find(name, [...pathFolders(), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']);
}

/** Folder of the newest PostgreSQL server programs of at least release 15. */
export function postgresPrograms(): string {
  const root = '/usr/lib/postgresql';
  const versions = namesIn(root)
    .map(Number)
    .filter((version) => version >= postgresVersionMin)
    .toSorted((a, b) => b - a);
  const folders = [...versions.map((version) => join(root, String(version), 'bin')), ...pathFolders()];
  return join(find('initdb', folders), '..');
}

function pathFolders(): readonly string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function find(name: string, folders: readonly string[]): string {
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (path === undefined) throw new Error(`${name} was not found; scripts/setup finds or installs it`);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
