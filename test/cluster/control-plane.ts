import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { kubeconfigFor } from './kubeconfig.ts';
import type { Kubeconfig } from './kubeconfig.ts';
import { plainNetwork, serversAddress } from './network.ts';
import type { Network } from './network.ts';
import { controlPlaneProgram } from './programs.ts';
import { apiserverIsReady, controllersAct } from './readiness.ts';
import type { AskedServer } from './readiness.ts';
import { temporaryFolder } from './temporary.ts';

/** A user of the token file. */
export interface ControlPlaneUser {
  /** `hall-operator`, or `system:serviceaccount:NAMESPACE:NAME` to act as a ServiceAccount. */
  readonly name: string;
  readonly groups?: readonly string[];
}

export interface ControlPlaneOptions {
  readonly network?: Network;
  /** Garbage collection of owned objects, clean-up of namespaces, ServiceAccounts and EndpointSlices need it. */
  readonly controllerManager?: boolean;
  /** Users besides `admin`. Their tokens are read when the apiserver starts. */
  readonly users?: readonly ControlPlaneUser[];
  /** Flags added to those of the apiserver. */
  readonly apiserverFlags?: readonly string[];
  /** Its etcd writes to the disk before it answers, as in service. Without it data outlives the process, but not the machine. */
  readonly fsync?: boolean;
  /** Where data, keys and logs go; absent: a temporary folder that `stop` removes. */
  readonly directory?: string;
}

/** A real etcd and kube-apiserver with an administrator, RBAC on. */
export interface ControlPlane extends AsyncDisposable {
  /** `https://ADDRESS:PORT` */
  readonly url: string;
  readonly address: string;
  readonly port: number;
  /** Certificates that the apiserver's own is verified with, PEM. */
  readonly ca: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly directory: string;
  readonly apiserver: Apiserver;
  readonly controllerManager: Child | undefined;
  /** Bearer token of `admin` or of one of the users asked for. */
  token(user: string): string;
  /** A kubeconfig as an object; for `admin` unless another user is named. */
  kubeconfig(user?: string): Kubeconfig;
  /** The same as a file of mode 0600. */
  kubeconfigFile(user?: string): Promise<string>;
  /** Ends everything, and removes the folder unless the caller gave it. */
  stop(): Promise<void>;
}

/** The apiserver's process, which tests take away and bring back. Data, port, certificate and tokens stay. */
export interface Apiserver {
  readonly running: boolean;
  readonly pid: number | undefined;
  /** Resolves when it serves again. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Starting takes two seconds on an idle machine; on a busy one it is the disk and the certificates that take long. */
const readyMaxMs = 120_000;

/** The controllers that mean something in a cluster without nodes. */
const controllers = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'validatingadmissionpolicy-status-controller',
];

/** Starts a control plane and waits until it is ready, bootstrap roles included. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const temporary = options.directory === undefined ? await temporaryFolder('control-plane') : undefined;
  const directory = options.directory ?? temporary?.path ?? '';
  const started: Child[] = [];
  const stop = async (): Promise<void> => {
    for (const child of started.toReversed()) await child.stop();
    await temporary?.remove();
  };
  try {
    return await startParts({ ...options, directory }, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: ControlPlaneOptions & { readonly directory: string },
  started: Child[],
  stop: () => Promise<void>,
): Promise<ControlPlane> {
  const { directory } = options;
  const network = options.network ?? plainNetwork();
  const address = await network.address(serversAddress);
  const port = await network.freePort();
  const url = `https://${address}:${port}`;
  const tokens = await writeTokens(directory, options.users ?? []);
  const token = (user: string): string => {
    const found = tokens.get(user);
    if (found === undefined) throw new Error(`the control plane was started without the user ${user}`);
    return found;
  };
  await writeServiceAccountKeys(directory);

  const etcdUrl = await startEtcd(directory, { network, address, fsync: options.fsync ?? false }, started);
  const caFile = join(directory, 'certificates', 'apiserver.crt');
  const flags = [...apiserverFlags(directory, etcdUrl, address, port), ...(options.apiserverFlags ?? [])];
  const asked = { url, caFile, token: token('admin') };
  const apiserver = apiserverProcess({ directory, network, flags, started, asked });
  await apiserver.start();

  const ca = await readFile(caFile, 'utf8');
  const kubeconfig = (user = 'admin'): Kubeconfig => kubeconfigFor({ url, ca, user, token: token(user) });
  const files = new Map<string, Promise<string>>();
  const writeKubeconfig = async (user: string): Promise<string> => {
    const path = join(directory, `kubeconfig-${user.replaceAll(/[^a-z0-9-]+/gi, '-')}.json`);
    await writeFile(path, JSON.stringify(kubeconfig(user), null, 2), { mode: 0o600 });
    return path;
  };
  // Written once: whoever reads the file while it is written anew finds it empty.
  const kubeconfigFile = async (user = 'admin'): Promise<string> => {
    const written = files.get(user) ?? writeKubeconfig(user);
    files.set(user, written);
    return await written;
  };
  const controllerManager =
    options.controllerManager === true
      ? await startControllerManager({ asked, directory, network, kubeconfig: await kubeconfigFile(), started })
      : undefined;
  return {
    url,
    address,
    port,
    ca,
    caFile,
    adminToken: token('admin'),
    directory,
    apiserver,
    controllerManager,
    token,
    kubeconfig,
    kubeconfigFile,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Writes the token file and returns the token of each user. */
async function writeTokens(directory: string, users: readonly ControlPlaneUser[]): Promise<ReadonlyMap<string, string>> {
  const all: readonly ControlPlaneUser[] = [{ name: 'admin', groups: ['system:masters'] }, ...users];
  const tokens = new Map(all.map(({ name }) => [name, randomBytes(24).toString('hex')]));
  const rows = all.map(({ name, groups = [] }) => `${tokens.get(name) ?? ''},${name},${name},"${groupsOf(name, groups).join(',')}"`);
  await writeFile(join(directory, 'tokens.csv'), `${rows.join('\n')}\n`, { mode: 0o600 });
  return tokens;
}

/** A ServiceAccount is in the groups that Kubernetes gives to every one of them. */
function groupsOf(name: string, groups: readonly string[]): readonly string[] {
  const namespace = /^system:serviceaccount:([^:]+):/.exec(name)?.[1];
  return namespace === undefined ? groups : [...groups, 'system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

async function writeServiceAccountKeys(directory: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(directory, 'sa.key'), privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  await writeFile(join(directory, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
}

async function startEtcd(
  directory: string,
  { network, address, fsync }: { readonly network: Network; readonly address: string; readonly fsync: boolean },
  started: Child[],
): Promise<string> {
  const client = `http://${address}:${await network.freePort()}`;
  const peer = `http://${address}:${await network.freePort()}`;
  const child = await startChild({
    name: 'etcd',
    command: controlPlaneProgram('etcd'),
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      ...(fsync ? [] : ['--unsafe-no-fsync']),
      '--log-level=warn',
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ],
    directory,
    network,
    ready: async (signal) => (await fetch(`${client}/health`, { signal })).ok,
    readyMaxMs,
  });
  started.push(child);
  return client;
}

function apiserverFlags(directory: string, etcdUrl: string, address: string, port: number): readonly string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--bind-address=${address}`,
    // Told, because the default looks for a default route, which a network of our own has not.
    `--advertise-address=${address}`,
    // Nobody uses the Service kubernetes, and a loopback address would be refused in its EndpointSlice.
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    `--cert-dir=${join(directory, 'certificates')}`,
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(directory, 'sa.pub')}`,
    `--service-account-signing-key-file=${join(directory, 'sa.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--allow-privileged=true',
  ];
}

interface ApiserverParts {
  readonly directory: string;
  readonly network: Network;
  readonly flags: readonly string[];
  readonly started: Child[];
  readonly asked: AskedServer;
}

function apiserverProcess({ directory, network, flags, started, asked }: ApiserverParts): Apiserver {
  let child: Child | undefined;
  const start = async (): Promise<void> => {
    if (child?.running === true) return;
    child = await startChild({
      name: 'kube-apiserver',
      command: controlPlaneProgram('kube-apiserver'),
      args: flags,
      directory,
      network,
      ready: () => apiserverIsReady(asked),
      readyMaxMs,
    });
    // The newest process takes the place of the one before: the list does not grow with restarts.
    const index = started.findIndex(({ name }) => name === 'kube-apiserver');
    started.splice(index === -1 ? started.length : index, index === -1 ? 0 : 1, child);
  };
  const stop = async (): Promise<void> => child?.stop();
  return {
    get running() {
      return child?.running ?? false;
    },
    get pid() {
      return child?.running === true ? child.pid : undefined;
    },
    start,
    stop,
    kill: async () => child?.kill(),
    restart: async () => {
      await stop();
      await start();
    },
  };
}

interface ControllerManagerParts {
  readonly asked: AskedServer;
  readonly directory: string;
  readonly network: Network;
  readonly kubeconfig: string;
  readonly started: Child[];
}

async function startControllerManager({ asked, directory, network, kubeconfig, started }: ControllerManagerParts): Promise<Child> {
  const folder = join(directory, 'controller-manager');
  await mkdir(folder, { recursive: true });
  const child = await startChild({
    name: 'kube-controller-manager',
    command: controlPlaneProgram('kube-controller-manager'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--service-account-private-key-file=${join(directory, 'sa.key')}`,
      `--root-ca-file=${asked.caFile}`,
      `--cert-dir=${folder}`,
      `--controllers=${controllers.join(',')}`,
      '--use-service-account-credentials',
      '--leader-elect=false',
      // It serves nothing that we ask for.
      '--secure-port=0',
    ],
    directory,
    network,
    ready: () => controllersAct(asked),
    readyMaxMs,
  });
  started.push(child);
  return child;
}
