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

const controlPlaneNames = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;

/**
 * Path of a program of the local control plane. All come from one folder, so that their versions fit: KUBEBUILDER_ASSETS when it is
 * complete, else what scripts/setup built, else PATH.
 */
export function controlPlaneProgram(name: (typeof controlPlaneNames)[number]): string {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const built = join(homedir(), '.cache', 'hallkeeper', `bin-${kubernetesVersion()}`);
  const complete = [...(assets === undefined ? [] : [assets]), built].find((folder) =>
    controlPlaneNames.every((each) => isExecutable(join(folder, each))),
  );
  return find(name, complete === undefined ? pathFolders() : [complete]);
}

/** Path of a server or tool that the distribution installs: named, nsupdate, prometheus, nsenter, ip. Of several names any one will do. */
export function systemProgram(...names: readonly [string, ...string[]]): string {
  return find(names, [...pathFolders(), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']);
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

function find(names: string | readonly string[], folders: readonly string[]): string {
  const path = [names]
    .flat()
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable);
  if (path === undefined) throw new Error(`${[names].flat().join(' or ')} was not found; scripts/setup finds or installs it`);
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
