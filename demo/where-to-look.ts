import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { namespace, pairName } from './names.ts';
import { repositoryRoot } from './programs.ts';
import type { DemoHall } from './start.ts';

/** Where a person finds what runs, as lines. */
export function whereToLook({ prometheus, cluster, bind, name }: DemoHall): readonly string[] {
  const kubectl = isInPath('kubectl') ? 'kubectl' : cluster.kubectl;
  return [
    '',
    'Where to look:',
    `  Prometheus   ${prometheus.url}`,
    `  Kubernetes   ${kubectl} --kubeconfig ${cluster.kubeconfig} --namespace ${namespace} get halls,pairs,terminals`,
    `  DNS          dig @${bind.address} -p ${bind.port} ${name}`,
    `  hallctl      ${join(repositoryRoot, 'bin', 'hallctl')} pair explain ${pairName} -n ${namespace} --kubeconfig ${cluster.kubeconfig}`,
  ];
}

function isInPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
