import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { commandErrors } from '#lib/base/command.ts';

/** The file that is named, else the one of `$KUBECONFIG`, else the usual one. @throws HK_USAGE when the variable names several. */
export function kubeconfigFile(named: string | undefined, variable: string | undefined): string {
  if (named !== undefined) return named;
  const [file, ...more] = (variable ?? '').split(delimiter).filter((path) => path !== '');
  if (more.length > 0) throw commandErrors.HK_USAGE('$KUBECONFIG names several files: choose one with --kubeconfig');
  return file ?? join(homedir(), '.kube', 'config');
}

export function namespaceOf(config: KubeConfig, named: string | undefined): string {
  return named ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
}

/** Where members reach the API server, and PEM of its authority, which the agent will verify it by. */
export async function endpointOf(config: KubeConfig): Promise<{ readonly server: string; readonly authority: string }> {
  const cluster = config.getCurrentCluster();
  const server = cluster?.server ?? '';
  if (cluster?.caData) return { server, authority: Buffer.from(cluster.caData, 'base64').toString('utf8') };
  if (cluster?.caFile) return { server, authority: await readFile(cluster.caFile, 'utf8') };
  throw new Error(
    'the kubeconfig names no certificate authority of the API server, and the agent needs it: add certificate-authority-data',
  );
}
