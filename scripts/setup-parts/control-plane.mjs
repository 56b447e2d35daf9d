import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findGo, goObstacles, installGo } from './go.mjs';
import { cacheFolder, checkout, findIn, isAtLeast, pathFolders, readText, versionOf } from './places.mjs';
import { StepFailed } from './progress.mjs';

const moduleFolder = join(checkout, 'scripts', 'control-plane');

/** In the order of building: what the first one compiles, the others need too. */
const programs = [
  { name: 'kube-apiserver', package: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  { name: 'kube-controller-manager', package: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  { name: 'kubectl', package: 'k8s.io/kubernetes/cmd/kubectl' },
  { name: 'etcd', package: 'go.etcd.io/etcd/server/v3' },
];

/** Distributions carry etcd 3.4, which is too old for our apiserver. */
const etcdVersionMin = '3.5.16';

export const controlPlanePart = { name: 'controlPlane', look, obstacles: () => goObstacles(programs.map(({ name }) => name)), install };

function look() {
  const found = fromAssets() ?? fromCache() ?? fromPath();
  if (found !== undefined) return { missing: [], found };
  return { missing: [`the local Kubernetes control plane (${programs.map(({ name }) => name).join(', ')})`], found: null };
}

function fromAssets() {
  const folder = process.env.KUBEBUILDER_ASSETS;
  return folder !== undefined && holdsAll(folder) ? { from: 'KUBEBUILDER_ASSETS', folder } : undefined;
}

function fromCache() {
  return holdsAll(binFolder()) ? { from: 'cache', folder: binFolder(), version: kubernetesVersion() } : undefined;
}

/** Only when the versions fit; asking them takes a moment, so it comes last. */
function fromPath() {
  const paths = programs.map(({ name }) => findIn(pathFolders(), name));
  if (paths.includes(undefined)) return undefined;
  const [apiserver, , , etcd] = paths;
  const kubernetes = versionOf(apiserver);
  const [major, minor] = kubernetesVersion().split('.');
  if (!kubernetes.startsWith(`${major}.${minor}.`) || !isAtLeast(versionOf(etcd), etcdVersionMin)) return undefined;
  return { from: 'PATH', folder: null, version: kubernetes };
}

function holdsAll(folder) {
  return programs.every(({ name }) => findIn([folder], name) !== undefined);
}

function kubernetesVersion() {
  const text = readText(join(moduleFolder, 'go.mod')) ?? '';
  const version = /^\s*k8s\.io\/kubernetes v([0-9.]+)$/m.exec(text)?.[1];
  if (version === undefined) throw new StepFailed('scripts/control-plane/go.mod names no release of k8s.io/kubernetes');
  return version;
}

function binFolder() {
  return join(cacheFolder, `bin-${kubernetesVersion()}`);
}

/** Builds what the cache lacks. Each program appears there whole, by a rename, and only when it runs. */
async function install(progress) {
  const folder = binFolder();
  mkdirSync(folder, { recursive: true });
  const go = findGo() ?? (await installGo(progress));
  const missing = programs.filter(({ name }) => !existsSync(join(folder, name)));
  progress.say(`tests and demo run a real Kubernetes API; building it once into ${folder} (about five minutes on two cores)`);
  for (const [index, program] of missing.entries()) {
    const part = join(folder, `.part-${process.pid}-${program.name}`);
    try {
      const args = ['build', '-trimpath', '-tags', 'providerless', '-ldflags', linkerFlags(), '-o', part, program.package];
      const env = { ...process.env, CGO_ENABLED: '0' };
      await progress.run(`building ${program.name} (${index + 1} of ${missing.length})`, go, args, { cwd: moduleFolder, env });
      // kubectl has no --version.
      if (program.name !== 'kubectl' && versionOf(part) === '0') {
        throw new StepFailed(`${program.name} was built, but does not run here: ${part} --version tells no version`);
      }
      renameSync(part, join(folder, program.name));
    } finally {
      rmSync(part, { force: true });
    }
  }
}

/** Without the version the apiserver says v0.0.0, and clients misbehave. */
function linkerFlags() {
  const version = kubernetesVersion();
  const [major, minor] = version.split('.');
  const variable = (name, value) => `-X k8s.io/component-base/version.${name}=${value}`;
  return ['-s -w', variable('gitVersion', `v${version}`), variable('gitMajor', major), variable('gitMinor', minor)].join(' ');
}
