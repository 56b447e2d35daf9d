import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import type { ControlPlane } from '#test/cluster/control-plane.ts';
import { kubeconfigFor } from '#test/cluster/kubeconfig.ts';
import type { Network } from '#test/cluster/network.ts';
import { controlPlaneProgram } from '#test/cluster/programs.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { namespace, operatorAccount, operatorNamespace } from './names.ts';
import { repositoryRoot } from './programs.ts';
import { namespaces, serviceAccounts } from './resources.ts';

/** A cluster with our definitions, policies and the operator's rights installed. */
export interface DemoCluster {
  readonly controlPlane: ControlPlane;
  /** The administrator's. */
  readonly admin: KubeClient;
  readonly kubeconfig: string;
  readonly kubectl: string;
}

export const fieldManager = 'hallkeeper-demo';

/** As long as anybody leaves a demo running. */
const operatorTokenSeconds = 7 * 24 * 3_600;

/** One directory, all that a demo does to a cluster as its administrator, with the folder for data and logs. */
export async function startCluster(network: Network, directory: string, stack: AsyncDisposableStack): Promise<DemoCluster> {
  const controlPlane = stack.use(await startControlPlane({ network, directory, controllerManager: true }));
  const kubeconfig = await controlPlane.kubeconfigFile();
  const admin = await KubeClient.fromFile(kubeconfig, {
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    userAgent: 'hallkeeper-demo/1',
  });
  stack.defer(() => admin.close());
  return { controlPlane, admin, kubeconfig, kubectl: controlPlaneProgram('kubectl') };
}

/** Definitions, policies and the operator's identity, as an administrator installs them. */
export async function installHallkeeper({ admin, kubeconfig, kubectl }: DemoCluster, signal: AbortSignal): Promise<void> {
  const run = async (...args: readonly string[]): Promise<void> => {
    signal.throwIfAborted();
    await runTool(kubectl, ['--kubeconfig', kubeconfig, ...args]);
  };
  await run('apply', '--server-side', '-f', join(repositoryRoot, 'crds'));
  await run('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await run('apply', '--server-side', '-f', join(repositoryRoot, 'policies'));
  await run('apply', '--server-side', '-f', join(repositoryRoot, 'operator', 'rbac.yaml'));
  await admin.apply(namespaces, { metadata: { name: namespace } }, { fieldManager, force: false }, signal);
}

/** Writes a kubeconfig with a token of the operator's ServiceAccount, and returns its path. */
export async function operatorKubeconfig({ admin, controlPlane }: DemoCluster, directory: string, signal: AbortSignal): Promise<string> {
  const key = { namespace: operatorNamespace, name: operatorAccount };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: operatorTokenSeconds } };
  const { status } = await admin.createSubresource<{ readonly status: { readonly token: string } }>(
    serviceAccounts,
    key,
    'token',
    body,
    signal,
  );
  const path = join(directory, 'kubeconfig.json');
  const { url, ca } = controlPlane;
  await writeFile(path, JSON.stringify(kubeconfigFor({ url, ca, user: operatorAccount, token: status.token })), { mode: 0o600 });
  return path;
}
